"""Odd input is answered, never with 500; hosts, proxies and clients are told apart."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import transaction
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import Role
from newsletter.errors import SettingError
from newsletter.i18n.language import Language
from newsletter.issues.drafts.saving import create_draft
from newsletter.issues.sources.reading import read_issue
from newsletter.mailings.series.actions import SeriesPlan, add_series
from newsletter.samples import sample_issue
from newsletter.settings import Settings, load_settings
from newsletter.tokens import TokenSigner
from newsletter.web.hosts import Clients
from tests.support.site import serving
from tests.web.conftest import PASSWORD, add_account, csrf_of
from tests.web.hardening.conftest import House

pytestmark = pytest.mark.servers

Enter = Callable[[str, Role], httpx.Client]
HUGE = 2**63
#: The language reads no number of so many.
DIGITS = "9" * 5000


@pytest.mark.parametrize("token", ["é", "\u3042", "", "0" * 64])
def test_a_form_token_of_any_letters_is_refused(house: House, token: str) -> None:
    with httpx.Client(base_url=house.url) as client:
        client.get("/sign-in")
        assert client.post("/sign-in", data={"csrf": token}).status_code == 403


@pytest.mark.parametrize("sealed", ["garbage", "é", "", "gAAAAAB" + "A" * 80])
def test_a_sealed_secret_that_is_none_begins_the_enrolment_anew(enter: Enter, sealed: str) -> None:
    client = enter("odd@example.jp", Role.EDITOR)
    page = client.get("/account/second-factor").text
    form = {"csrf": csrf_of(page), "sealed": sealed, "code": "123456"}
    assert client.post("/account/second-factor", data=form).status_code == 400


def test_what_was_sealed_for_another_purpose_is_none(enter: Enter) -> None:
    client = enter("odd@example.jp", Role.EDITOR)
    page = client.get("/account/second-factor").text
    form = {"csrf": csrf_of(page), "sealed": client.cookies["browser"], "code": "123456"}
    assert client.post("/account/second-factor", data=form).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        f"/bounces/{HUGE}",
        f"/bounces?before={HUGE}",
        f"/bounces?mailing={HUGE}",
        "/bounces?since=0001-01-01",
        f"/audit?before={HUGE}",
        "/audit?since=0001-01-01&until=9999-12-31",
        f"/mailings/{HUGE}",
        f"/newsletters/digest/drafts/{HUGE}",
        f"/newsletters/digest/drafts/{HUGE}/history",
        f"/newsletters/digest/subscribers/{HUGE}",
        f"/newsletters/digest/issues/{HUGE}/send",
        f"/operate/orders/settle?on={HUGE}",
        f"/operate/orders/retry?on={HUGE}",
        "/bounces?address=%00",
    ],
)
def test_numbers_and_days_beyond_every_column_are_no_failure(enter: Enter, path: str) -> None:
    client = enter("root@example.jp", Role.ADMINISTRATOR)
    assert client.get(path, headers={"Accept": "text/html"}).status_code < 500


@pytest.mark.parametrize("order", ["enrol", "activate"])
def test_a_day_that_no_calendar_has_in_another_zone_is_no_failure(
    house: House, enter: Enter, order: str
) -> None:
    with transaction(house.engine) as session:
        newsletter = session.get_one(NewsletterRow, house.stage.newsletter_id)
        number = add_series(session, COMMAND_LINE, newsletter, SeriesPlan(name=order)).id
    client = enter("root@example.jp", Role.ADMINISTRATOR)
    for day in ("0001-01-01", "9999-12-31"):
        page = client.get(f"/newsletters/digest/series/{number}/{order}", params={"since": day})
        assert "out of range" in page.text


@pytest.mark.parametrize("path", ["/audit.csv?actor=%00", "/audit?actor=a%00b", "/archive/%00"])
def test_a_nul_in_an_address_leads_nowhere(enter: Enter, path: str) -> None:
    assert enter("root@example.jp", Role.ADMINISTRATOR).get(path).status_code == 404


@pytest.mark.parametrize("path", ["/accounts/{}/disabled", "/accounts/{}/link", "/bounces/{}/undo"])
def test_numbers_beyond_every_column_are_refused_in_forms(enter: Enter, path: str) -> None:
    client = enter("root@example.jp", Role.ADMINISTRATOR)
    form = {"csrf": csrf_of(client.get("/accounts").text), "reason": "why"}
    answer = client.post(path.format(HUGE), data=form, headers={"Accept": "text/html"})
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/drafts/{draft}", {"revision": DIGITS, "text": "x"}),
        ("/drafts/{draft}", {"view": "blocks", "press": f"up:{DIGITS}"}),
        ("/segments/build", {f"s.0.{DIGITS}": "tag", "do": "show"}),
        ("/segments/build", {"s.0.0": "tag", "do": f"remove:0.{DIGITS}"}),
        ("/subscribers/new", {"frequency": "hourly", "address": "new@example.jp"}),
    ],
    ids=["revision", "press", "condition", "removed condition", "frequency"],
)
def test_what_no_form_of_ours_sends_is_no_failure(
    house: House, enter: Enter, path: str, form: dict[str, str]
) -> None:
    client = enter("root@example.jp", Role.ADMINISTRATOR)
    with transaction(house.engine) as session:
        number = session.scalars(select(NewsletterRow.id)).first()
        assert number is not None
        issue = read_issue(sample_issue(Language.ENGLISH), source="sample").issue
        draft = create_draft(session, number, issue, author="root@example.jp")
        slug = session.get_one(NewsletterRow, number).slug
    token = csrf_of(client.get("/account").text)
    path = f"/newsletters/{slug}{path.format(draft=draft.id)}"
    answer = client.post(path, data={"csrf": token, **form}, headers={"Accept": "text/html"})
    assert answer.status_code < 500


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "["])
def test_a_host_that_is_not_ours_is_not_answered(house: House, host: str) -> None:
    answer = httpx.get(f"{house.url}/archive/digest/", headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in str(answer.headers)


def test_a_request_of_two_lengths_is_the_last_of_its_connection(house: House) -> None:
    host, port = urlsplit(house.url).hostname, urlsplit(house.url).port
    hidden = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    with socket.create_connection((host, port), timeout=60) as client:
        client.sendall(
            f"POST /sign-in HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()
            + hidden
        )
        answers = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answers.startswith(b"HTTP/1.1 400")
    assert answers.count(b"HTTP/1.1") == 1


def test_with_https_every_cookie_of_access_is_set_and_forgotten_for_this_host_alone(
    engine: Engine, tmp_path: Path
) -> None:
    add_account(engine, "a@example.jp", Role.EDITOR)
    names: dict[str, Any] = {"public_url": "https://news.example.jp"}
    told: list[str] = []
    with (
        serving(engine, TokenSigner([b"k" * 40]), tmp_path, **names) as url,
        httpx.Client(base_url=url) as client,
    ):
        cookies: dict[str, str] = {}

        def ask(path: str, data: dict[str, str] | None = None) -> httpx.Response:
            # Over plain HTTP httpx keeps no "Secure" cookie.
            words = "; ".join(f"{name}={value}" for name, value in cookies.items())
            headers = {"Host": "news.example.jp", "Cookie": words}
            answer = client.request("POST" if data else "GET", path, data=data, headers=headers)
            lines = answer.headers.get_list("set-cookie")
            told.extend(lines)
            for line in lines:
                name, _, value = line.partition(";")[0].partition("=")
                cookies[name] = value
            return answer

        form = {"address": "a@example.jp", "password": PASSWORD}
        ask("/sign-in", form | {"csrf": csrf_of(ask("/sign-in").text)})
        ask("/sign-out", {"csrf": csrf_of(ask("/account").text)})
    assert [line.partition("=")[0] for line in told if "Max-Age=0" in line] == ["__Host-session"]
    for line in told:
        assert line.startswith("__Host-")
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(line.split("; "))


def test_a_host_that_is_allowed_and_probes_by_any_name_are_answered(
    engine: Engine, tmp_path: Path
) -> None:
    names: dict[str, Any] = {
        "allowed_hosts": ("news.internal",),
        "public_url": "https://news.example.jp",
    }
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path, **names) as url:
        answers = {
            host: httpx.get(url, headers={"Host": host}).status_code
            for host in ("news.internal", "news.example.jp:8000", "localhost", "10.0.0.1")
        }
        probe = httpx.get(f"{url}/healthz", headers={"Host": "10.0.0.1"})
        metrics = httpx.get(f"{url}/metrics")
        home = httpx.get(url)
    assert answers == {
        "news.internal": 200,
        "news.example.jp:8000": 200,
        "localhost": 200,
        "10.0.0.1": 400,
    }
    assert probe.status_code == 200
    # Where readers come from outside, this machine's requests may be a proxy's.
    assert metrics.status_code == 401
    assert "max-age=31536000" in home.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("value", ["*", "0.0.0.0/0", "::/0", "proxy.example", "10.0.0.1/8"])
def test_whom_everybody_could_be_is_no_trusted_proxy(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", value)
    with pytest.raises(SettingError, match="TRUSTED_PROXIES"):
        load_settings()


@pytest.mark.parametrize(
    ("proxies", "header", "status"),
    [
        ((), "6.6.6.6, 198.51.100.{}", 429),
        (("127.0.0.1",), "6.6.6.6, 198.51.100.{}", 200),
        (("127.0.0.1",), "198.51.100.{}, 203.0.113.9", 429),
    ],
    ids=["no proxy is named", "what the proxy wrote", "what the client wrote"],
)
def test_clients_are_told_apart_by_what_a_trusted_proxy_wrote(
    engine: Engine, tmp_path: Path, proxies: tuple[str, ...], header: str, status: int
) -> None:
    chosen: dict[str, Any] = {"trusted_proxies": proxies, "secret_keys": ("k" * 40,)}
    with (
        serving(engine, TokenSigner([b"k" * 40]), tmp_path, **chosen) as url,
        httpx.Client(base_url=url) as client,
    ):
        form = {"csrf": csrf_of(client.get("/forgotten").text)}
        answers = [
            client.post(
                "/forgotten",
                data=form | {"address": f"{number}@example.jp"},
                headers={"X-Forwarded-For": header.format(number)},
            ).status_code
            for number in range(41)
        ]
    assert answers[-1] == status


class _Request:
    def __init__(self, host: str) -> None:
        self.client = type("Client", (), {"host": host})


@pytest.mark.parametrize(
    ("hosts", "proxy"),
    [
        (["10.231.0.1"] * 60, "10.231.0.1"),
        (["10.231.0.1"] * 10, ""),
        (["10.231.0.1"] * 60 + ["198.51.100.1"], ""),
        (["8.8.8.8"] * 60, ""),
    ],
)
def test_one_private_address_for_all_is_taken_for_a_proxy(hosts: list[str], proxy: str) -> None:
    clients = Clients()
    for host in hosts:
        clients.count(_Request(host))  # type: ignore[arg-type]
    assert clients.proxy == proxy


def test_settings_know_whether_they_are_for_this_machine_alone() -> None:
    assert Settings(_env_file=None).is_local
    assert not Settings(_env_file=None, public_url="https://news.example.jp").is_local
