"""Each table of a source: whether it is there, fresh, complete, in time, and on a plan that can be asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from monitor.clock import iso
from monitor.errors import AbsentError, MintwatchError
from monitor.settings import Watched
from monitor.sources import fold
from monitor.sources.files import KEYS
from monitor.tables import SCHEMAS
from monitor.worker.checking.advice import ROLE, Place
from monitor.worker.checking.answers import Checked, Verdict
from monitor.worker.checking.asking import Asker, Lately
from monitor.worker.checking.plans import ANALYTICS, Plans

GROWN: Final = "AzureDiagnostics"
"""The table whose columns exist only once a row needed them."""

BACK: Final = timedelta(days=90)
"""How far back the newest row of a table is looked for."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A table that is there: whether it got rows in the last day, and what else there is to say."""

    fresh: bool
    rows: Checked
    others: tuple[Checked, ...]


def tables(about: str, source: Watched, place: Place, asker: Asker, plans: Plans) -> Iterator[Checked]:
    """What there is to say of the tables of a source. Of two shapes of one log, rows in either will do."""
    there: list[Looked] = []
    absent: list[str] = []
    closed: list[Checked] = []
    for table in source.query.tables:
        if plans.of(table) not in {"", ANALYTICS}:
            closed.append(plans.refused(about, table))
            continue
        try:
            there.append(_looked(f"{about}, {table}", table, source, place, asker))
        except AbsentError:
            absent.append(table)
        except MintwatchError as error:
            closed.append(Checked(Verdict.WRONG, f"{about}, {table}", f"could not be asked: {error}"))
    fresh = [one for one in there if one.fresh]
    for one in fresh or there[:1]:
        yield one.rows
        yield from one.others
    yield from closed
    if absent and not there and not closed:
        yield _absent(f"{about}, {' and '.join(absent)}", absent[0], source, place)


def _absent(about: str, table: str, source: Watched, place: Place) -> Checked:
    said = "never got a row, or this credential has no right to it: Log Analytics does not tell which"
    todo = ("# if it should have rows:", *place.setting(table))
    todo += (f"# if it has them, the role {ROLE!r} with this table (docs/azure.md, The least it needs):",)
    return Checked(_missed(source), about, said, (*todo, *place.role()[1:], _off(source)))


def _missed(source: Watched) -> Verdict:
    """How bad it is that there are no rows: of risks there are none on a good day."""
    return Verdict.NOTE if source.query.stream == "risk" else Verdict.WRONG


def _off(source: Watched) -> str:
    short, name = source.name.split(".")
    return f"# if there is nothing of the kind: workspaces.{short}.sources.{name}.enabled: false"


def _looked(about: str, table: str, source: Watched, place: Place, asker: Asker) -> Looked:
    lately = asker.lately(table)
    others = tuple(_columns(about, table, source, asker))
    if lately.rows:
        return Looked(True, _arriving(about, lately, source), others)
    newest = asker.newest(table, BACK)
    said = f"no row for a day; the newest is of {iso(newest)}" if newest else f"no row for {BACK.days} days"
    todo = ("# if its diagnostic setting is gone:", *place.setting(table), _off(source))
    return Looked(False, Checked(_missed(source), about, said, todo), others)


def _arriving(about: str, lately: Lately, source: Watched) -> Checked:
    delays = f"half of them within {_short(lately.half)}, 95 % within {_short(lately.most)}"
    said = f"{lately.rows:,} rows in a day, {delays}"
    if lately.most <= source.query.settle:
        return Checked(Verdict.FINE, about, said)
    short, name = source.name.split(".")
    wanted = -(-lately.most // timedelta(minutes=5)) * 5
    todo = f"# workspaces.{short}.sources.{name}.settle: {wanted}m"
    return Checked(Verdict.NOTE, about, f"{said}; that is later than settle, {_short(source.query.settle)}", (todo,))


def _short(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


def _columns(about: str, table: str, source: Watched, asker: Asker) -> Iterator[Checked]:
    """Columns the query reads and the table lacks. Those that grow with need are missed only if they are keys."""
    used = set(re.findall(r"\w+", re.sub(r"//.*", "", fold.text(source.query.name)))) & set(SCHEMAS[table])
    absent = used - asker.columns(table)
    keys = [key for key in KEYS[table] if key in absent]
    others = sorted(absent - set(keys)) if table != GROWN else []
    if keys:
        said = f"lacks {', '.join(keys)}, without which nothing can be counted; expected the table as Azure makes it"
        yield Checked(Verdict.WRONG, about, said, (f"# compare with {_REFERENCE}/{table.lower()}",))
    if others:
        yield Checked(Verdict.NOTE, about, f"lacks {', '.join(others)}: read as empty, rules that need them are mute")


_REFERENCE: Final = "https://learn.microsoft.com/azure/azure-monitor/reference/tables"
