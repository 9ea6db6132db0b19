"""No body is read beyond its bound, nor before it is known who sends it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

import httpx
import pytest
from argon2 import PasswordHasher

from newsletter.accounts.passwords import hash_password, password_matches
from newsletter.database.engine import open_engine
from newsletter.database.vocabulary import Role
from newsletter.errors import UnavailableError
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from newsletter.web.app import create_app
from newsletter.web.routing import LARGEST, Guard, GuardedRoute, flatten
from tests.support.site import routes_of
from tests.web.conftest import csrf_of
from tests.web.hardening.conftest import API_TOKEN, House

Enter = Callable[[str, Role], httpx.Client]
MEGABYTE = 1_000_000


@lru_cache(maxsize=1)
def all_routes() -> list[GuardedRoute]:
    """Return the routes of an application that has all of them."""
    app = create_app(
        settings=Settings.model_validate({"api_token": API_TOKEN, "secret_keys": ("k" * 40,)}),
        engine=open_engine("sqlite://"),
        signer=TokenSigner([b"k" * 40]),
        mailbox=None,
    )
    return [route for route in routes_of(app) if isinstance(route, GuardedRoute)]


def _posts(*, guarded: bool) -> list[str]:
    return [
        re.sub(r"\{number\}|\{\w*id\}", "1", re.sub(r"\{newsletter\}|\{slug\}", "digest", one.path))
        for one in all_routes()
        if "POST" in (one.methods or set())
        and guarded is any(isinstance(call.call, Guard) for call in flatten(one.dependant))
    ]


def test_every_route_asks_its_guards_first(tmp_path: Path) -> None:
    app = create_app(
        settings=Settings.model_validate({"data_dir": tmp_path, "secret_keys": ("k" * 40,)}),
        engine=open_engine("sqlite://"),
        signer=TokenSigner([b"k" * 40]),
        mailbox=None,
    )
    assert [route.path for route in routes_of(app) if not isinstance(route, GuardedRoute)] == []


def test_nobody_who_is_not_signed_in_is_asked_for_a_body(house: House) -> None:
    answers = {
        path: house.head(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000000\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
        for path in _posts(guarded=True)
    }
    assert len(answers) > 40
    assert {path: answer for path, answer in answers.items() if " 303 " not in answer} == {
        "/api/unsubscribe": "HTTP/1.1 401 Unauthorized"
    }


def test_who_lacks_the_role_is_not_asked_for_a_body(house: House, enter: Enter) -> None:
    cookie = "; ".join(
        f"{name}={value}"
        for name, value in enter("approver@example.jp", Role.APPROVER).cookies.items()
    )
    for path in ("subscribers/import", "drafts/1/pictures", "issues/import", "drafts/1/preview"):
        answer = house.head(
            f"POST /newsletters/digest/{path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n"
        )
        assert " 403 " in answer


def test_what_strangers_may_send_is_bounded_by_its_announced_length(house: House) -> None:
    paths = _posts(guarded=False)
    assert "/sign-in" in paths
    for path in paths:
        answer = house.head(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000000\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        # 404: the signed link, or the provider, is none.
        assert re.search(" (413|404) ", answer), (path, answer)


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
def test_what_announces_no_length_is_bounded_as_it_comes(house: House, kind: str) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(1000):
            sent += LARGEST
            yield b"x" * LARGEST

    try:
        answer = httpx.post(
            f"{house.url}/sign-in",
            content=endless(),
            headers={"Content-Type": kind, "Accept": "text/html"},
        )
        assert answer.status_code == 413
    except httpx.WriteError:
        # It hung up amid the sending.
        pass
    assert sent < 20 * MEGABYTE


@pytest.mark.parametrize(
    "named",
    ["charset=punycode", 'CHARSET="punycode"', 'x="\\""; charset=punycode', "charset=undefined"],
)
def test_a_form_in_parts_is_read_in_no_charset_that_its_sender_names(
    house: House, named: str
) -> None:
    # Each letter of these is put into 48,000 others: seconds, in which nobody is answered.
    name = b"a" * 48_000 + b"-" + b"a" * 12_000
    part = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
    body = b"".join(part % pair for pair in ((b"name", name), (b"email", "東 京".encode())))
    answer = httpx.post(
        f"{house.url}/subscribe/digest",
        content=body + b"--b--\r\n",
        headers={"Content-Type": f"multipart/form-data; boundary=b; {named}"},
    )
    assert answer.status_code == 422
    assert "東 京" in answer.text


def test_what_is_too_large_is_answered_with_a_page(enter: Enter) -> None:
    editor = enter("editor@example.jp", Role.EDITOR)
    answer = editor.post(
        "/newsletters/digest/issues/new",
        data={"title": "x" * (LARGEST + 1)},
        headers={"Accept": "text/html", "Accept-Language": "en"},
    )
    assert answer.status_code == 413
    assert "This is too large" in answer.text
    assert "Content-Security-Policy" in answer.headers


def _draft(editor: httpx.Client) -> tuple[str, str]:
    """Begin an issue; return its address and the token of its forms."""
    new = "/newsletters/digest/issues/new"
    form = {"csrf": csrf_of(editor.get(new).text), "title": "長い号", "date": "2026-12-01"}
    page = editor.post(new, data=form)
    return page.url.path, csrf_of(page.text)


@pytest.mark.parametrize("token_in", ["header", "form"])
def test_a_long_text_is_refused_by_its_length_and_not_by_the_framework(
    enter: Enter, token_in: str
) -> None:
    editor = enter("editor@example.jp", Role.EDITOR)
    path, token = _draft(editor)
    text = "---\ntitle: 長い号\ndate: 2026-12-01\n---\n\n" + "あ" * 150_000
    answer = editor.post(
        f"{path}/preview",
        data={"text": text, "csrf": token} if token_in == "form" else {"text": text},
        headers={"X-CSRF-Token": token} if token_in == "header" else {},
    )
    # A field of 1.35 MB, as it is encoded.
    assert (answer.status_code, "html" in answer.json()) == (200, True)
    longer = editor.post(
        f"{path}/preview",
        data={"text": text + "*a**b" * 300_000},
        headers={"X-CSRF-Token": token, "Accept-Language": "en"},
    )
    assert longer.status_code == 422
    assert "200,000" in longer.json()["what"]


def test_a_form_that_cannot_be_read_is_answered_with_a_page(house: House) -> None:
    answer = httpx.post(
        f"{house.url}/subscribe/digest",
        content="&".join(f"a{number}=" for number in range(2000)),
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "text/html",
            "Accept-Language": "en",
        },
    )
    assert answer.status_code == 400
    assert "<html" in answer.text


def test_a_webhook_that_shows_no_password_is_not_asked_for_a_body(house: House) -> None:
    answer = house.head(
        "POST /webhooks/brevo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
    )
    assert " 401 " in answer


def test_json_is_not_parsed_without_the_token_and_not_said_again(house: House) -> None:
    order = {"address": ["no address"], "secret": "not to be echoed"}
    without = httpx.post(f"{house.url}/api/unsubscribe", json=order)
    bearer = {"Authorization": f"Bearer {API_TOKEN}"}
    refused = httpx.post(f"{house.url}/api/unsubscribe", json=order, headers=bearer)
    assert (without.status_code, refused.status_code) == (401, 422)
    assert "no address" not in without.text + refused.text


class _Watched(PasswordHasher):
    """Notes how many passwords were looked at together."""

    def __init__(self) -> None:
        super().__init__()
        self._counting = threading.Lock()
        self._now = self.most = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        with self._counting:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return super().verify(hash, password)
        finally:
            with self._counting:
                self._now -= 1


def test_passwords_are_looked_at_by_few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = _Watched()
    monkeypatch.setattr("newsletter.accounts.passwords._hasher", hasher)
    stored = hash_password("four words, quite long")
    outcomes: list[object] = []

    def look() -> None:
        try:
            outcomes.append(password_matches(stored, "four words, quite long"))
        except UnavailableError:
            outcomes.append("busy")

    tries = [threading.Thread(target=look) for _ in range(40)]
    for one in tries:
        one.start()
    for one in tries:
        one.join()
    assert set(outcomes) == {True, "busy"}
    assert hasher.most <= 2
    assert password_matches(stored, "four words, quite long")
