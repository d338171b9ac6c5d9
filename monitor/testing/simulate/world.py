"""Who lives in the tenant: teams with offices, clouds, vaults; people, service principals, managed identities, agents.

What there is, is drawn from each team's or identity's own stream: a world of 301 identities is a world of 300 and one
more. The registries (addresses, credentials, vaults) only intern; their order never shows in a row.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from monitor.testing.simulate import chance
from monitor.testing.simulate.calendar import DAY, Clock, Period
from monitor.testing.simulate.places import CLOUDS, HOMES, Address, Place, Prefix, pick, prefix

Kind = Literal["user", "service_principal", "managed_identity", "agent"]
Collection = Literal["secrets", "keys", "certificates"]
Shape = Literal["new", "old", "both"]

TEAM_SIZE: Final = 25
TENANT: Final = "c3d1f0a2-7c44-4f3e-9a55-0d4a5d1f7e21"
WORKSPACE: Final = "5f0a7b9e-13c5-4d7a-8f21-6b9d0e4c2a73"
DOMAIN: Final = "contoso.example"

HOSTILE_NAMES: Final = (
    "<!channel> urgent",
    "app-\u202egnp.exe\u202c",
    "svc `rm -rf` $\\frac{1}{0}$",
    "line\none\r\ntwo",
    "x" * 300,
    "<https://evil.example|Azure portal>",
    "a & b < c > d *bold* _it_",
    "'; DROP TABLE facts; --",
)
"""Display names an attacker would choose, or a joker: they occur in real tenants and must stay decoration."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a workload proves itself with; `key` or `federation` is set, or neither."""

    type: str
    key: str = ""
    thumbprint: str = ""
    federation: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A secret, key or certificate of a vault."""

    collection: Collection
    name: str


@dataclass(slots=True)
class Vault:
    """A key vault; `shape` says which table its log rows go to. Items may be added while the world is made."""

    name: str
    subscription: str
    group: str
    shape: Shape
    salt: int
    items: list[Item]
    stock: int

    def of(self, collection: Collection) -> NDArray[np.int64]:
        """Indexes of the items of one collection that were there from the start."""
        old = self.items[: self.stock]
        return np.array([n for n, item in enumerate(old) if item.collection == collection], dtype=np.int64)

    def add_secret(self, name: str) -> int:
        """Index of a secret that exists from now on."""
        self.items.append(Item("secrets", name))
        return len(self.items) - 1


@dataclass(frozen=True, slots=True)
class Team:
    """A few identities that share a town, a cloud region, offices and vaults."""

    number: int
    home: Place
    cloud: Place
    offices: tuple[Prefix, ...]
    egress: tuple[Prefix, ...]
    vaults: tuple[int, ...]
    holidays: frozenset[int]
    subscription: str


@dataclass(frozen=True, slots=True)
class Persona:
    """One identity: who it is, and the name of its behaviour."""

    index: int
    oid: str
    app_id: str
    name: str
    upn: str
    kind: Kind
    behaviour: str
    team: Team
    blueprint: str = ""


@dataclass(slots=True)
class World:
    """The tenant and everything its identities ever touched."""

    seed: int
    period: Period
    rate: float = 1.0
    personas: list[Persona] = field(default_factory=list)
    teams: list[Team] = field(default_factory=list)
    vaults: list[Vault] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    credentials: list[Credential] = field(default_factory=list)
    _places_of: dict[str, int] = field(default_factory=dict)

    def address(self, address: Address) -> int:
        """Index of an address, interned by its spelling."""
        if address.text not in self._places_of:
            self._places_of[address.text] = len(self.addresses)
            self.addresses.append(address)
        return self._places_of[address.text]

    def credential(self, credential: Credential) -> int:
        """Index of a new credential."""
        self.credentials.append(credential)
        return len(self.credentials) - 1

    def clock(self, place: Place) -> Clock:
        """Wall clock at a place."""
        return Clock(place.zone, self.period)

    def settle(self, identities: int, deal: Callable[[int, int], tuple[str, Kind]]) -> None:
        """Populate the tenant: teams first, then identities with the behaviour `deal(seed, number)` gives them."""
        for number in range(-(-identities // TEAM_SIZE)):
            self.teams.append(self._team(number))
        for number in range(identities):
            behaviour, kind = deal(self.seed, number)
            self.personas.append(self._persona(number, behaviour, kind))

    def _team(self, number: int) -> Team:
        rng = chance.stream(self.seed, chance.TEAM, number)
        home, cloud, subscription = pick(rng, HOMES), pick(rng, CLOUDS), chance.guid(rng)
        offices = tuple(prefix(rng, home) for _ in range(2))
        egress = tuple(prefix(rng, cloud) for _ in range(4))
        days = np.arange(self.period.start // DAY, self.period.end // DAY + 1)
        holidays = frozenset(int(day) for day in rng.choice(days, size=2, replace=False))
        vaults = tuple(self._vault(rng, number, subscription, part) for part in ("app", "data", "infra"))
        return Team(number, home, cloud, offices, egress, vaults, holidays, subscription)

    def _vault(self, rng: np.random.Generator, team: int, subscription: str, part: str) -> int:
        name = f"kv-t{team:03d}-{part}-{int(rng.integers(16**4)):04x}"
        shape: Shape = ("new", "new", "old", "both")[int(rng.integers(4))]
        counts: dict[Collection, int] = {
            "secrets": int(rng.integers(12, 50)),
            "keys": int(rng.integers(1, 6)),
            "certificates": int(rng.integers(1, 4)),
        }
        items = [
            Item(collection, f"{collection[:-1]}-{n:02d}") for collection, many in counts.items() for n in range(many)
        ]
        self.vaults.append(
            Vault(name, subscription, f"rg-{part}-{team:03d}", shape, int(rng.integers(2**62)), items, len(items))
        )
        return len(self.vaults) - 1

    def _persona(self, number: int, behaviour: str, kind: Kind) -> Persona:
        rng = chance.stream(self.seed, chance.IDENTITY, number, 0)
        oid, app_id, blueprint = chance.guid(rng), chance.guid(rng), chance.guid(rng)
        name = f"{behaviour.replace('_', '-')}-{number:04d}"
        if rng.random() < 0.02:
            name = HOSTILE_NAMES[int(rng.integers(len(HOSTILE_NAMES)))]
        elif rng.random() < 0.01:
            name = ""
        upn = f"Person{number:04d}@{DOMAIN}" if kind == "user" else ""
        agent = blueprint if kind == "agent" else ""
        return Persona(number, oid, app_id, name, upn, kind, behaviour, self.teams[number // TEAM_SIZE], agent)
