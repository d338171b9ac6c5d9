"""Where every accident comes from: seeded streams per thing, and hashes per row.

A stream belongs to one thing (an identity, a team, an attack) and is spawned by its number, so adding a thing leaves
the others' streams alone (numpy.random.SeedSequence, "spawn_key"). What happens to a row on its way (lateness,
doubling) is a hash of the row's own key, so it does not depend on which other rows exist.
"""

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

TEAM, IDENTITY, DECK, ATTACK, WEATHER, NOISE, RECORD, CONTROL = range(1, 9)
"""First step of a stream's path: what kind of thing draws from it."""


def stream(seed: int, *path: int) -> np.random.Generator:
    """The random stream of one thing, the same whatever else lives in the world."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=path)))


def keys(rng: np.random.Generator, count: int) -> Keys:
    """`count` row keys: 64 random bits each."""
    return rng.integers(0, 2**64, size=count, dtype=np.uint64)


def mix(key: Keys, salt: int) -> Keys:
    """Other 64 bits for each key, as good as independent per salt (splitmix64: Steele, Lea & Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        z = key + np.uint64((0x9E3779B97F4A7C15 * (2 * salt + 1)) & 0xFFFFFFFFFFFFFFFF)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def uniform(key: Keys, salt: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each key."""
    return np.asarray((mix(key, salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def normal(key: Keys, salt: int) -> NDArray[np.float64]:
    """A standard normal number for each key (Box & Muller, Ann. Math. Statist. 29, 1958)."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform(key, salt)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(key, salt + 1000)))


def guid(rng: np.random.Generator) -> str:
    """A random version 4 GUID, lower case."""
    raw = bytearray(rng.bytes(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
