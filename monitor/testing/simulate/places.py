"""Where calls come from: offices, homes, hotels, clouds; addresses with their network and country."""

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

import numpy as np


@dataclass(frozen=True, slots=True)
class Place:
    """A town a person or a data centre is in."""

    city: str
    state: str
    country: str
    latitude: float
    longitude: float
    zone: str
    networks: tuple[int, ...]


HOMES: Final = (
    Place("Frankfurt am Main", "Hessen", "DE", 50.1109, 8.6821, "Europe/Berlin", (3320, 3209, 6830)),
    Place("Dublin", "Dublin", "IE", 53.3331, -6.2489, "Europe/Dublin", (5466, 15502)),
    Place("Lyon", "Rhone", "FR", 45.7485, 4.8467, "Europe/Paris", (3215, 12322)),
    Place("Chicago", "Illinois", "US", 41.8500, -87.6500, "America/Chicago", (7922, 7018)),
    Place("New York", "New York", "US", 40.7143, -74.0060, "America/New_York", (701, 12271)),
    Place("Hyderabad", "Telangana", "IN", 17.3850, 78.4867, "Asia/Kolkata", (55836, 24560)),
)
ABROAD: Final = (
    Place("Lisboa", "Lisboa", "PT", 38.7167, -9.1333, "Europe/Lisbon", (3243, 2860)),
    Place("Tokyo", "Tokyo", "JP", 35.6895, 139.6917, "Asia/Tokyo", (2516, 17676)),
    Place("Sao Paulo", "Sao Paulo", "BR", -23.5475, -46.6361, "America/Sao_Paulo", (27699, 28573)),
    Place("Toronto", "Ontario", "CA", 43.7001, -79.4163, "America/Toronto", (577, 812)),
    Place("Cape Town", "Western Cape", "ZA", -33.9258, 18.4232, "Africa/Johannesburg", (3741, 37457)),
    Place("Zurich", "Zurich", "CH", 47.3667, 8.5500, "Europe/Zurich", (3303, 6730)),
)
CLOUDS: Final = (
    Place("Amsterdam", "Noord-Holland", "NL", 52.3740, 4.8897, "UTC", (8075,)),
    Place("Dublin", "Dublin", "IE", 53.3331, -6.2489, "UTC", (8075,)),
    Place("Boydton", "Virginia", "US", 36.6676, -78.3875, "UTC", (8075,)),
    Place("Des Moines", "Iowa", "US", 41.6005, -93.6091, "UTC", (8075,)),
    Place("Frankfurt am Main", "Hessen", "DE", 50.1109, 8.6821, "UTC", (16509, 8075)),
)
HOSTILE: Final = (
    Place("Amsterdam", "Noord-Holland", "NL", 52.3740, 4.8897, "UTC", (9009, 60781)),
    Place("Moskva", "Moskva", "RU", 55.7522, 37.6156, "UTC", (48666, 197695)),
    Place("Bucharest", "Bucuresti", "RO", 44.4323, 26.1063, "UTC", (9009, 39798)),
    Place("Singapore", "Singapore", "SG", 1.2897, 103.8501, "UTC", (14061, 16509)),
    Place("Lagos", "Lagos", "NG", 6.4541, 3.3947, "UTC", (29465, 37148)),
)

_CLOUD_OCTETS: Final = (4, 13, 20, 40, 51, 52, 104, 172)
_HOME_OCTETS: Final = (31, 77, 78, 81, 84, 87, 91, 93, 95, 109)


@dataclass(frozen=True, slots=True)
class Address:
    """One spelling of one IP address, with what geolocation says about it."""

    text: str
    place: Place
    network: int


@dataclass(frozen=True, slots=True)
class Prefix:
    """An IPv4 /24 (three octets) somewhere, out of which callers get addresses."""

    octets: tuple[int, int, int]
    place: Place
    network: int

    def host(self, number: int) -> Address:
        """The address of one host."""
        return Address(".".join(str(part) for part in (*self.octets, 1 + number % 254)), self.place, self.network)

    def any(self, rng: np.random.Generator) -> Address:
        """The address of some host."""
        return self.host(int(rng.integers(254)))


def prefix(rng: np.random.Generator, place: Place) -> Prefix:
    """A /24 of some provider at a place; clouds and homes use different ranges."""
    octets = _CLOUD_OCTETS if place in CLOUDS else _HOME_OCTETS
    drawn = (int(rng.choice(octets)), int(rng.integers(1, 255)), int(rng.integers(1, 255)))
    return Prefix(drawn, place, int(rng.choice(place.networks)))


def pick(rng: np.random.Generator, places: tuple[Place, ...]) -> Place:
    """One of the places."""
    return places[int(rng.integers(len(places)))]


def spellings(rng: np.random.Generator, place: Place) -> tuple[Address, ...]:
    """One home IPv6 /64, two hosts (privacy extensions), each in the spellings logs use (compressed, full, upper)."""
    network = int(rng.choice(place.networks))
    upper = (0x2A02 << 112) | (int(rng.integers(1, 0xFFFF)) << 96) | (int(rng.integers(0, 0xFFFF)) << 64)
    hosts = [IPv6Address(upper | int(rng.integers(1, 2**62))) for _ in range(2)]
    texts = [text for host in hosts for text in (host.compressed, host.exploded, host.compressed.upper())]
    return tuple(Address(text, place, network) for text in texts)
