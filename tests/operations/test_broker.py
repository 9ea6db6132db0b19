"""How the broker is, in a time that has a bound."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest

from newsletter.operations.broker import look_at_broker

pytestmark = pytest.mark.servers


def test_a_broker_whose_answer_trickles_for_ever_is_given_up() -> None:
    given_up = threading.Event()

    def trickle() -> None:
        client, _ = listener.accept()
        with client, suppress(OSError):
            client.recv(4096)
            client.sendall(b"-ERR ")
            while not given_up.wait(0.3):
                client.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=trickle)
        server.start()
        health = look_at_broker(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        assert server.is_alive()
        given_up.set()
        server.join()
    assert health.problem
    assert health.carries_nothing
