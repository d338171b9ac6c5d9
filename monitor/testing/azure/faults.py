"""What can go wrong between a question and its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeAlias

from monitor.testing.azure import wire
from monitor.testing.azure.http import STANDARD, Json, Reply, refused

Body: TypeAlias = "dict[str, Json]"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes
    ----------
    instead
        The reply in place of the true one.
    altered
        What becomes of the true reply.
    cut
        Share of the reply's body that is sent before the connection is reset; 0: not even a status.
    delay
        How long the reply is held back. Longer than the caller asked the service to try: 504 after that.
    """

    name: str
    instead: Reply | None = None
    altered: Callable[[Reply], Reply] | None = None
    cut: float | None = None
    delay: timedelta = timedelta(0)


def throttled(retry_after: timedelta | None = None) -> Fault:
    """429, with the header or without."""
    headers = {} if retry_after is None else {"Retry-After": str(int(retry_after.total_seconds()))}
    return Fault("throttled", refused(429, "ThrottledError", "Too many requests", headers=headers))


def forbidden() -> Fault:
    """403, as for up to an hour after a role was assigned."""
    return Fault("forbidden", insufficient())


def insufficient() -> Reply:
    """No role on the workspace."""
    return refused(
        403, "InsufficientAccessError", "The provided credentials have insufficient access to perform the operation"
    )


def failing(status: int = 500) -> Fault:
    """500, 502 or 503."""
    code = {502: "BadGatewayError", 503: "ServiceUnavailableError"}.get(status, "InternalServerError")
    return Fault(f"failing {status}", refused(status, code, "The service is unable to process the request"))


def timed_out() -> Fault:
    """504: the query ran longer than it was given."""
    return Fault("timed out", gateway_timeout())


def gateway_timeout() -> Reply:
    """What a query gets that took too long."""
    return refused(
        504, "GatewayTimeout", "Gateway timeout", {"code": "GatewayTimeout", "message": "ADX query timed out"}
    )


def slow(delay: timedelta) -> Fault:
    """The right answer, late; or no answer at all, if the caller gives up before."""
    return Fault("slow", delay=delay)


def reset(share: float = 0.0) -> Fault:
    """The connection is reset after this share of the body; 0: before a status is sent."""
    return Fault("reset", cut=share)


def html(status: int = 200) -> Fault:
    """A page of some proxy on the way."""
    page = b"<!DOCTYPE html><html><head><title>Sign in to continue</title></head><body>Access denied</body></html>"
    return Fault("html", Reply(status, page, {"Content-Type": "text/html; charset=utf-8"}))


def no_content() -> Fault:
    """204: no data in the workspace."""
    return Fault("no content", Reply(204, b"", {}))


def empty() -> Fault:
    """200, and nothing else."""
    return Fault("empty", Reply(200, b"", {}))


def cut_json() -> Fault:
    """A body that ends in the middle, in a reply that is whole."""
    return Fault("cut json", altered=lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2]))


def no_rows() -> Fault:
    """A table without its `rows`."""
    return _table("no rows", lambda table: {name: part for name, part in table.items() if name != "rows"})


def no_columns() -> Fault:
    """A table without columns and rows, as some answer with no results has been seen."""
    return _table("no columns", lambda table: {**table, "columns": [], "rows": []})


def no_tables() -> Fault:
    """No table at all."""
    return _body("no tables", lambda _: {"tables": []})


def long_row() -> Fault:
    """A row with a cell more than there are columns; an answer without rows gets one."""
    return _table(
        "long row", lambda table: {**table, "rows": [[*row, "more"] for row in _rows(table) or [_nulls(table)]]}
    )


def odd_numbers() -> Fault:
    """Each cell of a number is what is none: NaN, Infinity and -Infinity, as text and as bare words in turn."""
    odd: tuple[Json, ...] = ("NaN", "Infinity", "-Infinity", float("nan"), float("inf"), float("-inf"))
    return _cells("odd numbers", {"real", "long", "int"}, lambda number: odd[number % len(odd)])


def null_cells(*kinds: str) -> Fault:
    """Each cell of these types, by default guid, is null."""
    return _cells("null cells", set(kinds or ("guid",)), lambda _: None)


def partial(keep: float = 0.5, code: str = wire.TOO_LARGE, *, tables: bool = True) -> Fault:
    """200 with this share of the rows and an `error` beside them; without `tables`, the error alone."""

    def cut(body: Body) -> Body:
        body = {**body, "error": wire.partial(code)}
        if not tables:
            return {name: part for name, part in body.items() if name != "tables"}
        first = _first(body)
        kept = _rows(first)[: int(len(_rows(first)) * keep)]
        return {**body, "tables": [{**first, "rows": kept}]}

    return _body("partial", cut)


def recorded(exchange: Mapping[str, Json]) -> Fault:
    """The reply of a recorded exchange: its status, headers and body."""
    response = exchange["response"]
    if not isinstance(response, Mapping) or not isinstance(status := response["status"], int):
        raise ValueError("expected a recorded exchange, with a response that has a status")
    headers = response.get("headers")
    named = {name: str(value) for name, value in headers.items()} if isinstance(headers, Mapping) else dict(STANDARD)
    packed = named.pop("Content-Encoding", None) == "gzip"
    for framing in ("Transfer-Encoding", "Vary"):  # the server's own business
        named.pop(framing, None)
    body = response["body"]
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Fault("recorded", Reply(status, text.encode(), named, packed=packed))


def _body(name: str, change: Callable[[Body], Body]) -> Fault:
    def altered(reply: Reply) -> Reply:
        if reply.status != 200:
            return reply
        text = json.dumps(change(json.loads(reply.body)), ensure_ascii=False, separators=(",", ":"))
        return replace(reply, body=text.encode())

    return Fault(name, altered=altered)


def _table(name: str, change: Callable[[Body], Body]) -> Fault:
    return _body(name, lambda body: {**body, "tables": [change(_first(body))]})


def _cells(name: str, kinds: set[str], value: Callable[[int], Json]) -> Fault:
    """Each cell in a column of these types replaced by what `value` says for its number."""

    def change(table: Body) -> Body:
        places = [place for place, column in enumerate(_columns(table)) if column["type"] in kinds]
        rows = [list(row) for row in _rows(table)]
        for number, row in enumerate(rows):
            for place in places:
                row[place] = value(number + place)
        return {**table, "rows": rows}

    return _table(name, change)


def _first(body: Body) -> Body:
    tables = body["tables"]
    assert isinstance(tables, list)  # noqa: S101  # our own body
    return dict(tables[0])


def _rows(table: Body) -> list[list[Json]]:
    return table["rows"]  # type: ignore[return-value]


def _columns(table: Body) -> list[Mapping[str, Json]]:
    return table["columns"]  # type: ignore[return-value]


def _nulls(table: Body) -> list[Json]:
    return [None] * len(_columns(table))


EVERY: Final = (
    throttled(),
    throttled(timedelta(seconds=1)),
    throttled(timedelta(hours=1)),
    forbidden(),
    failing(500),
    failing(502),
    failing(503),
    timed_out(),
    reset(),
    reset(0.5),
    html(),
    html(502),
    no_content(),
    empty(),
    cut_json(),
    no_rows(),
    no_columns(),
    no_tables(),
    long_row(),
    odd_numbers(),
    null_cells(),
    null_cells("string"),
    null_cells("datetime"),
    partial(),
    partial(0.0),
    partial(tables=False),
)
"""One of each kind that takes no time, for tests that draw."""
