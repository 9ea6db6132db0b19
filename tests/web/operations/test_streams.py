"""Live pages: they end with the session, with the role, and with the server, and leave no trace."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine

from newsletter.accounts.roles import set_grants
from newsletter.accounts.sessions import end_all_sessions
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import Role
from newsletter.tokens import TokenSigner
from tests.support.databases import each_database
from tests.support.ports import await_condition
from tests.support.site import serving
from tests.web.conftest import SignIn, add_account, csrf_of

pytestmark = pytest.mark.servers


class Watcher:
    """A page that stays open on ``/operate``."""

    def __init__(self, client: httpx.Client) -> None:
        self.parts = 0
        self._thread = threading.Thread(target=self._watch, args=(client,), daemon=True)
        self._thread.start()

    def _watch(self, client: httpx.Client) -> None:
        with client.stream("GET", "/operate/events") as answer:
            for part in answer.iter_text():
                self.parts += part.count("\n\n")

    def await_first(self) -> None:
        await_condition(lambda: self.parts > 0, seconds=60, what="the first part")

    def await_end(self) -> None:
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()


@each_database
@pytest.mark.parametrize("deed", ["signed out", "role taken"])
@pytest.mark.usefixtures("stage")
def test_a_live_page_ends_when_its_reader_may_no_longer_see_it(
    engine: Engine, sign_in: SignIn, deed: str
) -> None:
    watcher = Watcher(sign_in("operator@example.jp", Role.OPERATOR))
    watcher.await_first()
    with transaction(engine) as session:
        if deed == "signed out":
            end_all_sessions(session, 1)
        else:
            set_grants(session, 1, [])
    watcher.await_end()


def test_the_server_ends_beside_a_page_that_watches(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_account(engine, "operator@example.jp", Role.OPERATOR)
    with (
        httpx.Client() as client,
        serving(engine, TokenSigner([b"k" * 40]), tmp_path, secret_keys=("k" * 40,)) as url,
    ):
        client.base_url = url
        form = {"csrf": csrf_of(client.get("/sign-in").text), "address": "operator@example.jp"}
        client.post("/sign-in", data=form | {"password": "four words, quite long"})
        watcher = Watcher(client)
        watcher.await_first()
    watcher.await_end()
    assert [record.getMessage() for record in caplog.records] == []


@each_database
@pytest.mark.usefixtures("stage")
def test_leaving_amid_sending_a_form_leaves_no_trace(
    site: str, sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    host, _, port = urlsplit(site).netloc.partition(":")
    head = (
        "POST /newsletters/digest/drafts/1/preview HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n"
        f"Cookie: session={client.cookies['session']}\r\n"
        f"X-CSRF-Token: {csrf_of(client.get('/accounts').text)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}text=begun".encode())
    # The next answer comes from the same event loop, after it saw the other leave.
    for _ in range(3):
        assert client.get("/newsletters").status_code == 200
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
