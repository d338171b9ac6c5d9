"""The server: it answers what it is asked, obeys nobody, and no slow client keeps another waiting."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http import HTTPStatus
from time import perf_counter

import pytest

from monitor.daemon.serving import MOST, Answer, Server
from monitor.errors import InputError
from tests.daemon.asking import asked


def hello(accept: str) -> Answer:
    return Answer(HTTPStatus.OK, "text/plain", f"hello {accept}".encode())


def broken(accept: str) -> Answer:
    raise ZeroDivisionError(accept)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("127.0.0.1:0", {"/hello": hello, "/broken": broken}) as made:
        yield made


def test_it_answers_get_and_head_and_nothing_else(server: Server) -> None:
    assert asked(server.port, "/hello?x=1", accept="text/x")[::2] == (200, "hello text/x")
    head = asked(server.port, "/hello", "HEAD")
    assert (head.status, head.headers["content-length"], head.body) == (200, "6", "")
    assert (head.headers["server"].strip(), head.headers["cache-control"]) == ("mintwatch", "no-store")
    assert asked(server.port, "/elsewhere").status == 404
    assert asked(server.port, "/hello/../../etc/passwd").status == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        refused = asked(server.port, "/hello", method)
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_an_answer_that_fails_says_so_and_nothing_of_why(server: Server) -> None:
    assert asked(server.port, "/broken")[::2] == (500, "failed\n")


def test_nonsense_is_refused_without_being_repeated(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 5) as one:
        one.sendall(b"<script> / nonsense\r\n\r\n")
        said = one.recv(4096)
    assert b"script" not in said
    assert b"bad request" in said


def test_slow_clients_keep_nobody_waiting(server: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(3 * MOST)]
    try:
        for one in slow:
            try:
                one.sendall(b"GET /hello HT")
            except OSError:
                continue  # it was cut: others came after it
        begun = perf_counter()
        assert asked(server.port, "/hello").status == 200
        assert perf_counter() - begun < 2
    finally:
        for one in slow:
            one.close()


def test_a_port_that_is_taken_is_said_at_the_start(server: Server) -> None:
    with (
        pytest.raises(InputError, match=rf"serve.address: 127.0.0.1:{server.port} cannot be listened at: .*in use"),
        Server(f"127.0.0.1:{server.port}", {}),
    ):
        pass
