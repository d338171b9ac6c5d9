"""What one identity does, as it lives through the period: token requests, vault calls, and notes for the directory."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitor.testing.simulate import chance
from monitor.testing.simulate.apps import NET, NO_SDK, NOBODY, OPERATION, Resource
from monitor.testing.simulate.calendar import HOUR, MINUTE, Clock, Period, Times
from monitor.testing.simulate.events import Events, calls, tokens
from monitor.testing.simulate.places import CLOUDS, Prefix, pick, prefix
from monitor.testing.simulate.world import Credential, Persona, World

Indexes = NDArray[np.int64]

_ALWAYS: Final = -(2**62)


@dataclass(frozen=True, slots=True)
class Note:
    """Something for the tables of few rows (AuditLogs, AzureActivity, risk): what, by whom, about whom."""

    at: int
    what: str
    actor: int
    target: int
    ip: int
    key: int
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pool:
    """Things drawn from over time (addresses, credentials): each is in use in [since, until)."""

    members: Indexes
    since: Times
    until: Times

    @classmethod
    def fixed(cls, members: list[int]) -> "Pool":
        """Members in use all the time."""
        count = len(members)
        return cls(np.array(members), np.full(count, _ALWAYS), np.full(count, -_ALWAYS))

    def joined(self, member: int, since: int, *, instead: bool) -> "Pool":
        """The pool with one more member from `since` on; `instead` of all the others, or beside them."""
        until = np.minimum(self.until, since) if instead else self.until
        return Pool(np.append(self.members, member), np.append(self.since, since), np.append(until, -_ALWAYS))

    def draw(self, rng: np.random.Generator, at: Times) -> Indexes:
        """A member in use at each of the times."""
        choice: Indexes = rng.integers(len(self.members), size=len(at))
        for _ in range(6):
            wrong = (self.since[choice] > at) | (self.until[choice] <= at)
            choice[wrong] = rng.integers(len(self.members), size=int(wrong.sum()))
        for row in np.flatnonzero((self.since[choice] > at) | (self.until[choice] <= at)):
            choice[row] = np.flatnonzero((self.since <= at[row]) & (self.until > at[row]))[0]
        return np.asarray(self.members[choice])


@dataclass(slots=True)
class Diary:
    """One identity's life, written by its behaviour."""

    world: World
    persona: Persona
    rng: np.random.Generator
    tokens: list[Events] = field(default_factory=list)
    calls: list[Events] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    egress: Pool = field(init=False)
    keyring: Pool = field(init=False)
    sdk: int = NET

    def __post_init__(self) -> None:
        self.egress, self.keyring = Pool.fixed([-1]), Pool.fixed([-1])

    @property
    def period(self) -> Period:
        """What the logs cover."""
        return self.world.period

    @property
    def clock(self) -> Clock:
        """Wall clock of the identity's team."""
        return self.world.clock(self.persona.team.home)

    def chance(self, probability: float) -> bool:
        """Whether it happens this time."""
        return bool(self.rng.random() < probability)

    def moment(self, first: float = 0.05, last: float = 0.95) -> int:
        """Some moment of the period, by share."""
        return self.period.at(float(self.rng.uniform(first, last)))

    def note(
        self, at: int, what: str, *extra: str, actor: int | None = None, target: int | None = None, ip: int = -1
    ) -> None:
        """Write down something for the directory; actor and target default to the identity itself."""
        me, key = self.persona.index, int(chance.keys(self.rng, 1)[0])
        self.notes.append(
            Note(at, what, me if actor is None else actor, me if target is None else target, ip, key, extra)
        )

    # Where it calls from.

    def live_at(self, places: list[Prefix], hosts: int) -> None:
        """Call from a few hosts of these /24s."""
        found = [self.world.address(place.host(int(self.rng.integers(254)))) for place in places for _ in range(hosts)]
        self.egress = Pool.fixed(found)

    def wander(self, per_day: float) -> None:
        """Now and then a new egress prefix joins, legitimately: a scaled-out node pool, another NAT gateway."""
        for _ in range(int(self.rng.poisson(per_day * self.period.days))):
            self.egress = self.egress.joined(self._region(0.85), self.moment(0.0, 1.0), instead=False)

    def move(self) -> None:
        """The host moves for good, perhaps to another country."""
        self.egress = self.egress.joined(self._region(0.6), self.moment(0.2), instead=True)

    def _region(self, near: float) -> int:
        """A fresh cloud address, in the team's own region with this probability."""
        place = self.persona.team.cloud if self.chance(near) else pick(self.rng, CLOUDS)
        return self.world.address(prefix(self.rng, place).any(self.rng))

    # What it proves itself with.

    def own_secret(self, *, certificate: bool = False, rotates: float = 0.25) -> None:
        """Use a client secret or certificate, perhaps rotated once: the new key is added, then used."""
        self.keyring = Pool.fixed([self._secret(certificate)[0]])
        if self.chance(rotates):
            at = self.moment(0.1)
            fresh, key = self._secret(certificate)
            self.keyring = self.keyring.joined(fresh, at, instead=True)
            self.note(at - int(self.rng.integers(HOUR, 20 * HOUR)), "secret", key, actor=-1)

    def _secret(self, certificate: bool) -> tuple[int, str]:
        key = chance.guid(self.rng)
        kind, thumb = ("certificate", self.rng.bytes(20).hex().upper()) if certificate else ("clientSecret", "")
        return self.world.credential(Credential(kind, key=key, thumbprint=thumb)), key

    def own_federation(self, count: int = 1) -> None:
        """Use federated credentials (one per repository branch or environment)."""
        made = [Credential("federatedIdentityCredential", federation=chance.guid(self.rng)) for _ in range(count)]
        self.keyring = Pool.fixed([self.world.credential(one) for one in made])

    # What it does.

    def sign_in(
        self,
        at: Times,
        resource: ArrayLike,
        *,
        code: ArrayLike = 0,
        ip: ArrayLike | None = None,
        credential: ArrayLike | None = None,
        client: ArrayLike = 0,
        interactive: bool = False,
        thread: int | None = None,
    ) -> None:
        """Ask for tokens at these times, from where it lives and with what it owns unless said otherwise.

        A request that failed names no credential, as in the public sample rows.
        """
        owned = self.keyring.draw(self.rng, at) if credential is None else credential
        self.tokens.append(
            tokens(
                self.rng,
                self.persona.index,
                at,
                resource=resource,
                code=code,
                ip=self.egress.draw(self.rng, at) if ip is None else ip,
                credential=np.where(np.asarray(code) == 0, owned, -1),
                client=client,
                interactive=interactive,
                thread=thread,
            )
        )

    def call(
        self,
        at: Times,
        vault: int,
        operation: str,
        items: ArrayLike = -1,
        *,
        ip: ArrayLike | None = None,
        status: ArrayLike = 200,
    ) -> None:
        """Call a vault at these times."""
        self.calls.append(
            calls(
                self.rng,
                self.persona.index,
                at,
                vault=vault,
                operation=OPERATION[operation],
                item=items,
                status=status,
                ip=self.egress.draw(self.rng, at) if ip is None else ip,
                client=self.sdk,
            )
        )

    def open_vault(self, runs: Times, vault: int, ip: Indexes, *, token: bool = True) -> None:
        """Start a vault client: its first call goes out without a token and is challenged, then the token is fetched.

        Source: learn.microsoft.com, Key Vault "Authentication, requests and responses": the 401 is by design.
        """
        if token:
            self.sign_in(runs + 400_000, Resource.VAULT, ip=ip)
        self.calls.append(
            calls(
                self.rng,
                NOBODY,
                runs + 150_000,
                vault=vault,
                operation=OPERATION["Authentication"],
                status=401,
                ip=ip,
                client=self.sdk if self.sdk != NO_SDK else NET,
            )
        )

    def fetch(self, runs: Times, vault: int, items: Indexes, ip: Indexes, *, operation: str = "SecretGet") -> None:
        """In every run read each of the items once, one after the other."""
        steps = np.arange(len(items), dtype=np.int64) * 140_000 + 900_000
        at = (runs[:, None] + steps[None, :]).ravel()
        self.call(at, vault, operation, np.tile(items, len(runs)), ip=np.repeat(ip, len(items)))

    def choose_items(self, vault: int, count: int) -> Indexes:
        """Some secrets of a vault, fewer if it has fewer."""
        secrets = self.world.vaults[vault].of("secrets")
        return np.asarray(self.rng.choice(secrets, size=min(count, len(secrets)), replace=False))

    def a_vault(self) -> int:
        """One of the team's vaults."""
        return int(self.rng.choice(self.persona.team.vaults))

    def deploy_secret(self, vault: int, runs: Times, ip: Indexes) -> None:
        """A release adds a secret to the vault and the identity reads it from then on: new, and legitimate."""
        if not len(runs):
            return
        from_run = int(self.rng.integers(len(runs)))
        name = f"release-{int(self.rng.integers(10**6)):06d}"
        item = self.world.vaults[vault].add_secret(name)
        self.fetch(runs[from_run:], vault, np.array([item]), ip[from_run:])

    def hiccup(self) -> None:
        """For some minutes the token endpoint says the tenant is throttled (90055); an eager client retries."""
        blocks = [rows for rows in self.tokens if len(rows)]
        if not blocks:
            return
        usual = blocks[0][int(self.rng.integers(len(blocks[0])))]
        later = (self.rng.random(int(self.rng.integers(3, 18))) * 8 * MINUTE).astype(np.int64)
        self.sign_in(self.period.within(np.sort(usual["at"] + later)), int(usual["resource"]), code=90055)

    def stumble(self, status: int) -> None:
        """For some hours its reads of vaults fail with this HTTP status; harmless, and soon mended."""
        start = self.moment(0.0, 1.0)
        end = start + int(self.rng.lognormal(0.8, 0.9) * HOUR)
        for rows in self.calls:
            inside = (rows["at"] >= start) & (rows["at"] < end) & (rows["operation"] == OPERATION["SecretGet"])
            rows["status"][inside] = status

    def only(self, start: int, end: int) -> None:
        """Forget what would have happened outside [start, end): it was not there yet, or no more."""
        self.tokens = [rows[(rows["at"] >= start) & (rows["at"] < end)] for rows in self.tokens]
        self.calls = [rows[(rows["at"] >= start) & (rows["at"] < end)] for rows in self.calls]

    def silent(self, start: int, end: int) -> None:
        """Forget what would have happened in [start, end)."""
        self.tokens = [rows[(rows["at"] < start) | (rows["at"] >= end)] for rows in self.tokens]
        self.calls = [rows[(rows["at"] < start) | (rows["at"] >= end)] for rows in self.calls]
