"""One served application on SQLite for all that is only asked, and a way to sign in to it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.database.vocabulary import Role
from newsletter.tokens import TokenSigner
from tests.support.site import serving
from tests.support.stage import Stage, set_stage
from tests.web.conftest import PASSWORD, add_account, csrf_of

SECRET = "k" * 40
API_TOKEN = "t" * 40


@dataclass(frozen=True, kw_only=True)
class House:
    url: str
    engine: Engine
    stage: Stage

    def head(self, text: str, *, seconds: float = 60) -> str:
        """Send the head of a request and nothing of its body; return the answer's first line."""
        with self.connect(text, seconds=seconds) as peer:
            return peer.recv(4096).decode("latin-1").partition("\r\n")[0]

    def connect(self, text: str, *, seconds: float = 60) -> socket.socket:
        """Send the beginning of a request, or all of it; return its connection."""
        parts = urlsplit(self.url)
        peer = socket.create_connection((parts.hostname, parts.port), timeout=seconds)
        peer.sendall(text.encode())
        return peer


@pytest.fixture(scope="module")
def house(
    _servers: None, _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(_sqlite_template, folder / "newsletter.sqlite3")
    engine = open_engine(f"sqlite:///{folder / 'newsletter.sqlite3'}")
    stage = set_stage(engine)
    settings: dict[str, Any] = {
        "secret_keys": (SECRET,),
        "api_token": API_TOKEN,
        "webhook_brevo": "p" * 40,
    }
    with serving(engine, TokenSigner([SECRET.encode()]), folder, **settings) as url:
        yield House(url=url, engine=engine, stage=stage)
    engine.dispose()


@pytest.fixture(scope="module")
def enter(house: House) -> Iterator[Callable[[str, Role], httpx.Client]]:
    clients: dict[str, httpx.Client] = {}

    def entered(address: str, role: Role) -> httpx.Client:
        if address in clients:
            return clients[address]
        add_account(house.engine, address, role)
        client = clients[address] = httpx.Client(base_url=house.url, follow_redirects=True)
        token = csrf_of(client.get("/sign-in").text)
        data = {"csrf": token, "address": address, "password": PASSWORD}
        assert client.post("/sign-in", data=data).url.path != "/sign-in"
        return client

    yield entered
    for client in clients.values():
        client.close()
