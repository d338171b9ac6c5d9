"""One attack while it is staged: its victim, its size, its random stream, and what will be on the label."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from monitor.testing.simulate import chance
from monitor.testing.simulate.calendar import DAY, HOUR, MINUTE, Times
from monitor.testing.simulate.delivery import Spell
from monitor.testing.simulate.diary import Diary, Indexes
from monitor.testing.simulate.label import Grade
from monitor.testing.simulate.places import CLOUDS, HOSTILE, Address, Place, pick, prefix
from monitor.testing.simulate.world import Persona, World


@dataclass(slots=True)
class Scene:
    """An attack being staged on one victim, or on several.

    `times` is how many times the victim's busiest usual hour a volume attack reaches: at least 8 if blatant, 3-5 if
    moderate, 1.3-2 if subtle.
    """

    world: World
    diaries: Sequence[Diary]
    victim: Diary
    rng: np.random.Generator
    grade: Grade
    start: int
    lost: Sequence[Spell] = ()
    identities: list[str] = field(default_factory=list)
    ips: list[str] = field(default_factory=list)
    vaults: list[str] = field(default_factory=list)
    first: int = 2**62
    last: int = -(2**62)

    # Size.

    def size(self, blatant: int, moderate: int, subtle: int) -> int:
        """The number that goes with the grade, give or take a fifth."""
        number = {"blatant": blatant, "moderate": moderate, "subtle": subtle}[self.grade]
        return max(1, round(number * float(self.rng.uniform(0.9, 1.2))))

    @property
    def times(self) -> float:
        """Size relative to the victim's usual peak."""
        low, high = {"blatant": (8.0, 13.0), "moderate": (3.0, 5.0), "subtle": (1.3, 2.0)}[self.grade]
        return float(self.rng.uniform(low, high))

    def peak(self, *, calls: bool = False) -> int:
        """Events in the victim's busiest hour before the attack: issued tokens, or vault calls."""
        blocks = self.victim.calls if calls else self.victim.tokens
        at = [rows["at"][(rows["status" if calls else "code"] == (200 if calls else 0))] for rows in blocks]
        hours = np.concatenate(at)[np.concatenate(at) < self.start] // HOUR if at else np.empty(0, dtype=np.int64)
        return int(np.unique(hours, return_counts=True)[1].max()) if len(hours) else 0

    def volume(self, floor: tuple[int, int, int], *, calls: bool = False) -> int:
        """How many events an attack by volume makes within an hour."""
        return max(round(self.peak(calls=calls) * self.times), self.size(*floor))

    # When and where.

    def clear(self) -> None:
        """Start after the hours whose rows are lost: an attack nobody logged cannot be found."""
        for spell in sorted(self.lost, key=lambda spell: spell.start):
            if spell.start - 2 * HOUR <= self.start < spell.end:
                self.start = spell.end + HOUR

    def over(self, count: int, length: int) -> Times:
        """`count` times within `length` microseconds from the start."""
        return np.sort(self.start + (self.rng.random(count) * length).astype(np.int64))

    def own_ip(self) -> int:
        """An address the victim calls from now."""
        return int(self.victim.egress.draw(self.rng, np.array([self.start]))[0])

    def strange_ip(self) -> int:
        """An address the victim never called from: the subtler, the more like its own."""
        place: Place
        if self.grade == "blatant":
            place = pick(self.rng, HOSTILE)
        elif self.grade == "moderate":
            own = self.victim.persona.team.cloud.country
            place = pick(self.rng, tuple(one for one in CLOUDS if one.country != own))
        else:
            place = self.victim.persona.team.cloud
        return self.at(prefix(self.rng, place).any(self.rng))

    def at(self, address: Address) -> int:
        """Index of an attacker's address, put on the label."""
        self.ips.append(address.text)
        return self.world.address(address)

    def ip(self) -> int:
        """From inside (the victim's own address) for most, from a strange one for some."""
        return self.own_ip() if self.rng.random() < 0.7 else self.strange_ip()

    # What.

    def usual_resource(self) -> int:
        """What the victim asks tokens for most."""
        blocks = [rows["resource"] for rows in self.victim.tokens if len(rows)]
        return int(np.bincount(np.concatenate(blocks)).argmax()) if blocks else 0

    def unused_resources(self) -> list[int]:
        """What the victim never asked tokens for; the monitor's own audience left out."""
        used = {int(n) for rows in self.victim.tokens for n in np.unique(rows["resource"])}
        return [n for n in (0, 1, 2, 3, 4, 9) if n not in used]

    def usual_vault(self) -> int:
        """The vault the victim calls most, else one of its team's."""
        blocks = [rows["vault"] for rows in self.victim.calls if len(rows)]
        return int(np.bincount(np.concatenate(blocks)).argmax()) if blocks else self.victim.a_vault()

    def foreign_vaults(self, count: int) -> list[int]:
        """Vaults the victim never called."""
        used = {int(n) for rows in self.victim.calls for n in np.unique(rows["vault"])}
        others = [n for n in range(len(self.world.vaults)) if n not in used]
        return [int(n) for n in self.rng.permutation(np.array(others, dtype=np.int64))[:count]]

    def unread(self, vault: int) -> Indexes:
        """Secrets of a vault the victim never read."""
        used = [rows["item"][rows["vault"] == vault] for rows in self.victim.calls]
        secrets = self.world.vaults[vault].of("secrets")
        left = np.setdiff1d(secrets, np.concatenate(used)) if used else secrets
        return np.asarray(self.rng.permutation(left))

    # What goes on the label.

    def span(self, at: Times, minutes: int = 0) -> None:
        """The attack covers these times."""
        if len(at):
            self.first = min(self.first, int(at.min()))
            self.last = max(self.last, int(at.max()) + minutes * MINUTE)

    def involve(self, persona: Persona) -> None:
        """An identity takes part."""
        if persona.oid not in self.identities:
            self.identities.append(persona.oid)

    def tokens(
        self,
        at: Times,
        resource: int | None = None,
        *,
        who: Diary | None = None,
        ip: int | None = None,
        code: int = 0,
        credential: int | None = None,
        client: int = 0,
        interactive: bool = False,
    ) -> None:
        """Token requests that belong to the attack."""
        diary = who or self.victim
        managed = diary.persona.kind == "managed_identity"
        where = -1 if managed else (self.own_ip() if ip is None else ip)
        what = self.usual_resource() if resource is None else resource
        diary.sign_in(at, what, code=code, ip=where, credential=credential, client=client, interactive=interactive)
        self.span(at)
        self.involve(diary.persona)

    def reads(
        self,
        at: Times,
        vault: int,
        items: Indexes | int = -1,
        *,
        operation: str = "SecretGet",
        ip: int | None = None,
        status: int = 200,
    ) -> None:
        """Vault calls that belong to the attack."""
        self.victim.call(at, vault, operation, items, ip=self.own_ip() if ip is None else ip, status=status)
        self.span(at)
        self.involve(self.victim.persona)
        name = self.world.vaults[vault].name
        if name not in self.vaults:
            self.vaults.append(name)

    def note(self, what: str, *extra: str, actor: int, target: int | None = None, after: int = 0, ip: int = -1) -> None:
        """A directory or activity row that belongs to the attack."""
        self.victim.note(self.start + after, what, *extra, actor=actor, target=target, ip=ip)
        self.span(np.array([self.start + after]))
        self.involve(self.world.personas[self.victim.persona.index if target is None else target])
        self.involve(self.world.personas[actor])

    def culprit(self) -> Persona:
        """A person whose account does the administration of the attack."""
        people = [one for one in self.world.personas if one.kind == "user"]
        return people[int(self.rng.integers(len(people)))] if people else self.victim.persona

    def new_key(self) -> str:
        """A fresh key id."""
        return chance.guid(self.rng)

    def quiet_since(self, length: int) -> None:
        """Silence the victim for this long before the attack, and afterwards."""
        self.victim.silent(self.start - length, self.world.period.end)

    def days(self, count: float) -> int:
        """Days in microseconds, not past the end of the period."""
        return min(int(count * DAY), self.world.period.end - self.start - 2 * HOUR)
