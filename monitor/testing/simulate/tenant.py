"""A tenant's whole life: residents, noise and attacks, sorted into the tables their rows belong to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from monitor.tables import SCHEMAS
from monitor.testing.simulate import chance, control, directory, signins, vaults
from monitor.testing.simulate.apps import FOREIGN
from monitor.testing.simulate.columns import framed
from monitor.testing.simulate.delivery import SIGN_INS, VAULTS, Parcels, Weather, deliver
from monitor.testing.simulate.diary import Diary, Note
from monitor.testing.simulate.events import CALL, TOKEN, Events, gather
from monitor.testing.simulate.noise import directory_sync, first_party
from monitor.testing.simulate.world import World

CHUNK: Final = 65_536
"""Rows made at a time; also the size of a Parquet row group."""


@dataclass(slots=True)
class Tenant:
    """Everything that happened, before it is written."""

    world: World
    tokens: Events
    calls: Events
    notes: list[Note]
    weather: Weather

    @classmethod
    def of(cls, world: World, diaries: list[Diary], weather: Weather) -> "Tenant":
        """All diaries and the noise together; a tenth of the times are whole milliseconds, as in real rows."""
        tokens = gather([rows for diary in diaries for rows in diary.tokens], TOKEN)
        calls = gather([rows for diary in diaries for rows in diary.calls] + first_party(world), CALL)
        for rows in (tokens, calls):
            coarse = chance.uniform(np.ascontiguousarray(rows["key"]), 41) < 0.1
            rows["at"][coarse] -= rows["at"][coarse] % 1000
        written = [note for diary in diaries for note in diary.notes]
        written += directory_sync(world) + control.infrastructure(world, diaries)
        notes = [note for note in written if world.period.start <= note.at < world.period.end]
        return cls(world, tokens, calls, notes, weather)

    def parts(self, table: str) -> Iterator[pa.Table]:
        """Rows of a table, in order of arrival, a chunk at a time; at least one part, perhaps empty."""
        if table in SIGN_INS:
            return self._sign_ins(table)
        if table in VAULTS:
            return self._vault_rows(table)
        if table in directory.TABLES:
            return self._directory(table)
        return iter([framed(SCHEMAS[table], {}, 0)])

    def _delivered(self, table: str, rows: Events) -> Parcels:
        key = np.ascontiguousarray(rows["key"])
        return deliver(table, np.ascontiguousarray(rows["at"]), key, self.weather, self.world.period)

    def _sign_ins(self, table: str) -> Iterator[pa.Table]:
        kinds = np.array([one.kind for one in self.world.personas])
        person, managed = (kinds == "user")[self.tokens["who"]], (kinds == "managed_identity")[self.tokens["who"]]
        interactive = self.tokens["interactive"]
        wanted = {
            "SigninLogs": person & interactive,
            "AADNonInteractiveUserSignInLogs": person & ~interactive,
            "AADServicePrincipalSignInLogs": ~person & ~managed,
            "AADManagedIdentitySignInLogs": managed,
        }
        rows = self.tokens[wanted[table]]
        sent = self._delivered(table, rows)
        for part in _chunks(sent):
            batch = signins.Batch(self.world, table, rows, part)
            yield framed(SCHEMAS[table], signins.columns(batch), batch.count)

    def _vault_rows(self, table: str) -> Iterator[pa.Table]:
        other = "old" if table == "AZKVAuditLogs" else "new"
        writes = np.array([one.shape != other for one in self.world.vaults])
        fits = table == "AzureDiagnostics" or self.calls["operation"] != FOREIGN
        rows = self.calls[writes[self.calls["vault"]] & fits]
        sent = self._delivered(table, rows)
        for part in _chunks(sent):
            batch = vaults.Batch(self.world, table, rows, part)
            yield framed(SCHEMAS[table], vaults.columns(batch), batch.count)

    def _directory(self, table: str) -> Iterator[pa.Table]:
        notes = [note for note in self.notes if directory.ENTRIES[note.what].table == table]
        notes = control.steps(notes) if table == "AzureActivity" else notes
        at = np.array([note.at for note in notes], dtype=np.int64)
        key = np.array([note.key for note in notes], dtype=np.uint64)
        for part in _chunks(deliver(table, at, key, self.weather, self.world.period)):
            chosen = [notes[index] for index in part.index]
            made = directory.columns(self.world, table, chosen, part.generated, part.received)
            yield framed(SCHEMAS[table], made, len(chosen))


def _chunks(sent: Parcels) -> Iterator[Parcels]:
    for start in range(0, max(len(sent.index), 1), CHUNK):
        some = slice(start, start + CHUNK)
        yield Parcels(sent.index[some], sent.generated[some], sent.received[some], sent.copy[some], sent.sparse[some])
