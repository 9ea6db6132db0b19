"""The contract that every provider's webhook keeps, over HTTP, with really signed calls."""

from __future__ import annotations

import base64
import gzip
import hmac
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from select import select as select_sockets
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from fastapi import HTTPException
from sqlalchemy import Engine, delete, func, select

from newsletter.bounces.webhooks import adapters
from newsletter.bounces.webhooks.sns import is_amazon_url, is_certificate_url
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import BounceRow, CallTokenRow
from newsletter.database.vocabulary import BounceKind
from newsletter.errors import UnavailableError
from newsletter.i18n.messages import msg
from newsletter.tokens import TokenSigner
from newsletter.web.feedback.webhooks import UnprovenCalls, fetch
from tests.bounces.signed_body_cases import PUBLIC_URL
from tests.bounces.webhook_cases import (
    CERTIFICATE_URL,
    MAILGUN_KEY,
    PROVIDERS,
    TOPIC,
    certificate,
    mailgun_sign,
    sns_envelope,
    sns_recut,
    sns_sign,
)
from tests.bounces.webhook_model import (
    MESSAGE_ID,
    PASSWORD,
    READER,
    Case,
    Provider,
    Signed,
    by_password,
)
from tests.support.databases import each_database
from tests.support.loops import run_apart
from tests.support.ports import await_condition, free_port
from tests.support.site import serving

pytestmark = pytest.mark.servers

SECRETS: dict[str, Any] = {
    "public_url": PUBLIC_URL,
    **{f"webhook_{provider.name}": provider.secret for provider in PROVIDERS},
}
BY_NAME = {provider.name: provider for provider in PROVIDERS}
each_provider = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
each_case = pytest.mark.parametrize(
    ("provider", "case"),
    [
        pytest.param(provider, case, id=f"{provider.name}-{case.name}")
        for provider in PROVIDERS
        for case in provider.cases
    ],
)


@dataclass
class Switchboard:
    """The webhooks, the log behind them, and what Amazon was asked for."""

    url: str
    engine: Engine
    asked: list[str]
    client: httpx.Client

    def post(self, name: str, signed: Signed) -> httpx.Response:
        body, headers = signed
        return self.client.post(f"{self.url}/webhooks/{name}", content=body, headers=headers)

    def rows(self) -> list[BounceRow]:
        with reading(self.engine) as session:
            return list(session.scalars(select(BounceRow).order_by(BounceRow.id)))


@pytest.fixture(scope="module")
def _board(
    _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Switchboard]:
    folder = tmp_path_factory.mktemp("webhooks")
    shutil.copy(_sqlite_template, folder / "newsletter.sqlite3")
    engine = open_engine(f"sqlite:///{folder / 'newsletter.sqlite3'}")
    pem, asked = certificate(), list[str]()

    def amazon(url: str) -> bytes:
        asked.append(url)
        return pem

    signer = TokenSigner([b"k" * 40])
    with (
        serving(engine, signer, folder, fetch=amazon, **SECRETS) as url,
        httpx.Client() as client,
    ):
        yield Switchboard(url=url, engine=engine, asked=asked, client=client)
    engine.dispose()


@pytest.fixture
def board(_board: Switchboard) -> Switchboard:
    with transaction(_board.engine) as session:
        session.execute(delete(BounceRow))
        session.execute(delete(CallTokenRow))
    _board.asked.clear()
    return _board


def _hard(provider: Provider) -> Case:
    return next(case for case in provider.cases if case.kind is BounceKind.HARD)


@each_case
def test_an_event_is_logged_in_our_words(
    board: Switchboard, provider: Provider, case: Case
) -> None:
    assert board.post(provider.name, provider.call(case.event)).status_code == 200
    rows = board.rows()
    if case.kind is None:
        assert rows == []
        return
    [row] = rows
    found = (row.kind, row.reason, row.address, row.status, row.message_id, row.return_path)
    assert found == (
        case.kind,
        case.reason.value,
        case.address,
        case.status,
        case.message_id,
        case.path,
    )
    assert row.reader == provider.name
    assert json.loads(row.raw) == case.event


@each_provider
def test_the_same_call_again_is_logged_once(board: Switchboard, provider: Provider) -> None:
    signed = provider.call(_hard(provider).event)
    answers = [board.post(provider.name, signed).json() for _ in range(2)]
    assert answers == [{"logged": 1}, {"logged": 0}]


@each_provider
def test_a_forged_call_leaves_nothing(board: Switchboard, provider: Provider) -> None:
    signed = provider.forged(provider.call(_hard(provider).event))
    assert board.post(provider.name, signed).status_code in {401, 403}
    assert board.rows() == []


@each_provider
def test_an_unsigned_call_leaves_nothing(board: Switchboard, provider: Provider) -> None:
    body = provider.pack([_hard(provider).event])
    assert board.post(provider.name, (body, {})).status_code in {401, 403}
    assert board.rows() == []


@pytest.mark.parametrize(
    "provider", [one for one in PROVIDERS if one.tolerance], ids=lambda one: one.name
)
@pytest.mark.parametrize("beyond", [timedelta(minutes=1), timedelta(days=400)])
def test_a_call_that_was_signed_long_ago_is_refused(
    board: Switchboard, provider: Provider, beyond: timedelta
) -> None:
    assert provider.tolerance is not None
    event = _hard(provider).event
    old = board.post(provider.name, provider.call(event, age=provider.tolerance + beyond))
    young = board.post(
        provider.name, provider.call(event, age=provider.tolerance - timedelta(minutes=1))
    )
    assert (old.status_code, young.status_code) == (401, 200)


@pytest.mark.parametrize(
    "provider", [one for one in PROVIDERS if one.batches], ids=lambda one: one.name
)
def test_a_batch_is_logged_event_by_event(board: Switchboard, provider: Provider) -> None:
    events = [case.event for case in provider.cases]
    assert board.post(provider.name, provider.call(*events)).status_code == 200
    assert [row.kind for row in board.rows()] == [
        case.kind for case in provider.cases if case.kind is not None
    ]


@each_provider
@pytest.mark.parametrize(
    "event", [[], {}, "words", None, {"event": ["a"], "mail": 3, "msys": [], "data": "x"}]
)
def test_what_has_no_shape_does_no_harm(
    board: Switchboard, provider: Provider, event: object
) -> None:
    assert board.post(provider.name, provider.call(event)).status_code == 200
    assert {row.kind for row in board.rows()} <= {BounceKind.UNKNOWN}


def test_without_a_secret_there_is_no_webhook(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url)
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path, webhook_brevo=PASSWORD) as url:
        answers = {
            provider.name: httpx.post(
                f"{url}/webhooks/{provider.name}", content=body, headers=headers
            ).status_code
            for provider in PROVIDERS
            for body, headers in [provider.call(_hard(provider).event)]
        }
    engine.dispose()
    assert answers == dict.fromkeys(BY_NAME, 404) | {"brevo": 200}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {PASSWORD}"},
        {"X-Webhook-Secret": PASSWORD},
        {"Authorization": "Basic " + base64.b64encode(f"any:{PASSWORD}".encode()).decode()},
    ],
    ids=["bearer", "header", "basic"],
)
def test_a_password_may_come_in_three_ways(board: Switchboard, headers: dict[str, str]) -> None:
    body = BY_NAME["brevo"].pack([_hard(BY_NAME["brevo"]).event])
    assert board.post("brevo", (body, headers)).status_code == 200


@pytest.mark.parametrize("wrong", ["", PASSWORD[:-1], f"{PASSWORD}x", "pässwörd"])
def test_a_wrong_password_is_refused(board: Switchboard, wrong: str) -> None:
    body = BY_NAME["brevo"].pack([_hard(BY_NAME["brevo"]).event])
    credentials = base64.b64encode(f"any:{wrong}".encode()).decode()
    answer = board.post("brevo", (body, {"Authorization": f"Basic {credentials}"}))
    assert (answer.status_code, board.rows()) == (403, [])


def test_who_shows_no_password_is_asked_for_one(board: Switchboard) -> None:
    assert "WWW-Authenticate" in board.post("brevo", (b"{}", {})).headers


def test_a_mailgun_signature_cannot_be_put_beside_another_event(board: Switchboard) -> None:
    event = _hard(BY_NAME["mailgun"]).event
    body, _ = BY_NAME["mailgun"].call(event)
    proof = json.loads(body)["signature"]
    assert board.post("mailgun", (body, {})).status_code == 200
    other = {**event, "id": "another", "recipient": "victim@example.jp"}
    stolen = mailgun_sign(json.dumps(other).encode(), proof["timestamp"], proof["token"])
    assert board.post("mailgun", stolen).status_code == 401
    assert [row.address for row in board.rows()] == [READER]


def _mailgun_form(**fields: str) -> dict[str, str]:
    """Return an event as Mailgun's older accounts send it, signed."""
    stamp, token = str(int(datetime.now(UTC).timestamp())), "t" * 50
    signature = hmac.digest(MAILGUN_KEY.encode(), f"{stamp}{token}".encode(), "sha256").hex()
    proof = {"timestamp": stamp, "token": token, "signature": signature}
    return {"recipient": READER, "Message-Id": MESSAGE_ID, **proof, **fields}


@pytest.mark.parametrize("files", [None, {"attachment-1": ("notice.eml", b"250 ok")}])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"event": "bounced", "code": "550", "error": "5.1.1 no such user"},
            (BounceKind.HARD, "user-unknown"),
        ),
        (
            {"event": "bounced", "code": "552", "error": "5.2.2 mailbox full"},
            (BounceKind.SOFT, "mailbox-full"),
        ),
        (
            {"event": "dropped", "reason": "old", "code": "602", "description": "Too old"},
            (BounceKind.SOFT, "expired"),
        ),
        ({"event": "complained"}, (BounceKind.COMPLAINT, "complaint")),
        ({"event": "unsubscribed"}, (BounceKind.UNSUBSCRIBE, "unknown")),
    ],
)
def test_mailguns_older_form_is_read(
    board: Switchboard,
    fields: dict[str, str],
    expected: tuple[BounceKind, str],
    files: dict[str, tuple[str, bytes]] | None,
) -> None:
    form = _mailgun_form(**fields)
    answer = board.client.post(f"{board.url}/webhooks/mailgun", data=form, files=files)
    assert answer.json() == {"logged": 1}
    [row] = board.rows()
    assert ((row.kind, row.reason), row.address, row.message_id) == (expected, READER, MESSAGE_ID)


def test_a_signature_of_mailguns_older_form_cannot_be_put_beside_another_event(
    board: Switchboard,
) -> None:
    form = _mailgun_form(event="complained")
    assert board.client.post(f"{board.url}/webhooks/mailgun", data=form).status_code == 200
    stolen = {**form, "recipient": "victim@example.jp"}
    assert board.client.post(f"{board.url}/webhooks/mailgun", data=stolen).status_code == 401
    assert [row.address for row in board.rows()] == [READER]


@each_provider
def test_a_provider_that_looks_first_finds_the_webhook(
    board: Switchboard, provider: Provider
) -> None:
    url = f"{board.url}/webhooks/{provider.name}"
    assert [board.client.request(how, url).status_code for how in ("GET", "HEAD")] == [200, 200]
    assert board.client.get(f"{board.url}/webhooks/nobody").status_code == 404


def test_mandrills_signature_holds_at_our_address_alone(board: Switchboard) -> None:
    mandrill = BY_NAME["mandrill"]
    body, headers = mandrill.call(_hard(mandrill).event)
    other = f"https://elsewhere.example/webhooks/mandrill{parse_qs(body.decode())}"
    digest = hmac.digest(mandrill.secret.encode(), other.encode(), "sha1")
    headers["X-Mandrill-Signature"] = base64.b64encode(digest).decode()
    assert board.post("mandrill", (body, headers)).status_code == 401


def test_mailtrap_may_send_lines(board: Switchboard) -> None:
    mailtrap = BY_NAME["mailtrap"]
    events = [case.event for case in mailtrap.cases]
    body = "\n".join(json.dumps(event) for event in events).encode()
    assert board.post("mailtrap", mailtrap.sign(body, timedelta())).status_code == 200
    assert len(board.rows()) == len([case for case in mailtrap.cases if case.kind is not None])


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://sns.mnq.fr-par.scaleway.com/?Action=ConfirmSubscription&Token=x", 200),
        ("https://sns.mnq.fr-par.scaleway.com.evil.example/?Action=ConfirmSubscription", 403),
        ("http://127.0.0.1:9/?Action=ConfirmSubscription", 403),
    ],
)
def test_a_subscription_to_scaleways_topic_is_confirmed_there_alone(
    board: Switchboard, url: str, status: int
) -> None:
    body = json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": url}).encode()
    signed = by_password(body, timedelta())
    assert board.post("scaleway", signed).status_code == status
    assert board.asked == ([url] if status == 200 else [])


def test_amazon_may_sign_with_sha256(board: Switchboard) -> None:
    message = json.dumps(_hard(BY_NAME["ses"]).event)
    signed = sns_sign(sns_envelope(message, Subject="件名"), version="2")
    assert board.post("ses", signed).json() == {"logged": 1}


def test_a_topic_of_somebody_elses_is_refused_though_amazon_signed_it(board: Switchboard) -> None:
    message = json.dumps(_hard(BY_NAME["ses"]).event)
    envelope = sns_envelope(message, TopicArn=TOPIC.replace("123456789012", "999999999999"))
    assert board.post("ses", sns_sign(envelope)).status_code == 401
    assert board.asked == []


def test_what_amazon_signed_for_a_stranger_cannot_be_cut_into_a_call_of_ours(
    board: Switchboard,
) -> None:
    assert board.post("ses", sns_recut(_hard(BY_NAME["ses"]).event)).status_code == 401
    assert (board.rows(), board.asked) == ([], [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Type", "notification"),
        ("Type", " Notification"),
        ("Type", "Levitation"),
        ("TopicArn", f" {TOPIC}"),
        ("TopicArn", f"{TOPIC}\n"),
        ("MessageId", "1\n2"),
        ("Subject", "a\rb"),
        ("Timestamp", "1\nTopicArn\nx"),
    ],
)
def test_signed_fields_of_sns_are_taken_as_they_are_and_on_one_line(
    board: Switchboard, field: str, value: str
) -> None:
    message = json.dumps(_hard(BY_NAME["ses"]).event)
    body, _headers = sns_sign(sns_envelope(message) | {field: value})
    assert board.post("ses", (body, {})).status_code == 401
    assert board.rows() == []


def test_a_digit_cannot_be_moved_between_mailguns_time_and_token(board: Switchboard) -> None:
    stamp = str(int(datetime.now(UTC).timestamp()))
    event = _hard(BY_NAME["mailgun"]).event
    assert board.post(
        "mailgun", mailgun_sign(json.dumps(event).encode(), stamp, "050abc")
    ).is_success
    # The same octets are signed, and the time reads as milliseconds.
    other = {**event, "id": "another", "recipient": "victim@example.jp"}
    stolen = mailgun_sign(json.dumps(other).encode(), f"{stamp}050", "abc")
    assert board.post("mailgun", stolen).status_code == 401


@each_provider
def test_lone_surrogates_in_a_proof_are_refused(board: Switchboard, provider: Provider) -> None:
    body = json.dumps(
        {
            "Type": "Notification",
            "TopicArn": TOPIC,
            "SigningCertURL": CERTIFICATE_URL,
            "Signature": "\ud800",
            "auth": "\ud800",
            "signature": dict.fromkeys(("timestamp", "token", "signature"), "\ud800"),
        }
    ).encode()
    assert board.post(provider.name, (body, {})).status_code == 401


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.ap-northeast-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.ap-northeast-1.amazonaws.com/a.pem",
        "https://sns.ap-northeast-1.amazonaws.com@evil.example/a.pem",
        "https://evil.example#sns.ap-northeast-1.amazonaws.com/a.pem",
        "http://sns.ap-northeast-1.amazonaws.com/a.pem",
        "https://sns.ap-northeast-1.amazonaws.com:8443/a.pem",
        "https://bucket.s3.amazonaws.com/a.pem",
        "https://sns.s3.amazonaws.com/a.pem",
        "https://sns.s3-us-west-2.amazonaws.com/a.pem",
        "https://sns.s3-accelerate.amazonaws.com/a.pem",
        "https://sns.ap-northeast-1.amazonaws.com/a.pem?Action=Publish",
        "https://sns.ap-northeast-1.amazonaws.com/a",
        "https://sns.ap-northeast-1.amazonaws.com\\@evil.example/a.pem",
        "https://[::1]/a.pem",
        "file:///etc/passwd.pem",
        "",
    ],
)
def test_no_certificate_is_fetched_from_elsewhere(board: Switchboard, url: str) -> None:
    signed = sns_sign(sns_envelope("{}", SigningCertURL=url))
    assert board.post("ses", signed).status_code == 401
    assert board.asked == []


def test_certificates_lie_on_amazons_hosts_in_china_too() -> None:
    assert is_certificate_url(CERTIFICATE_URL)
    assert is_certificate_url(
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService.pem"
    )


def test_the_fetcher_itself_asks_only_amazon() -> None:
    with pytest.raises(UnavailableError):
        fetch("https://127.0.0.1/latest/meta-data")


def test_what_cannot_be_checked_now_is_asked_for_again_and_ends_no_row_of_refusals(
    sqlite_url: str, tmp_path: Path
) -> None:
    engine, pem, answers = open_engine(sqlite_url), certificate(), [False]

    def amazon(_url: str) -> bytes:
        if not answers[0]:
            raise UnavailableError(msg("The host is not responding."))
        return pem

    genuine = sns_sign(sns_envelope("{}"))
    forged = sns_sign(sns_envelope("{}", SigningCertURL="https://evil.example/a.pem"))
    signer = TokenSigner([b"k" * 40])
    with (
        serving(engine, signer, tmp_path, fetch=amazon, **SECRETS) as url,
        httpx.Client() as client,
    ):
        board = Switchboard(url=url, engine=engine, asked=[], client=client)
        refused = [board.post("ses", forged).status_code for _ in range(99)]
        put_off = board.post("ses", genuine)
        assert (put_off.status_code, put_off.headers["Retry-After"]) == (503, "60")
        answers[0] = True
        assert set(refused) == {401}
        assert board.post("ses", forged).status_code == 401
        assert board.post("ses", forged).status_code == 429
    engine.dispose()


def _confirmation(url: str) -> Signed:
    return sns_sign(
        sns_envelope(
            "You have chosen to subscribe",
            Type="SubscriptionConfirmation",
            Token="2336412f37",
            SubscribeURL=url,
        )
    )


def test_a_subscription_to_our_topic_is_confirmed(board: Switchboard) -> None:
    url = "https://sns.ap-northeast-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37"
    assert is_amazon_url(url)
    assert board.post("ses", _confirmation(url)).status_code == 200
    assert board.asked[-1] == url
    assert board.rows() == []


def test_a_confirmation_that_leads_elsewhere_is_not_followed(board: Switchboard) -> None:
    assert board.post("ses", _confirmation("https://evil.example/confirm")).status_code == 401
    assert all("evil" not in url for url in board.asked)


def test_a_call_beyond_the_bound_is_refused_unread(board: Switchboard) -> None:
    _, secret = BY_NAME["brevo"].sign(b"", timedelta())
    head = _head("brevo", length=12 * 1024 * 1024 + 1, **secret)
    assert _answer_to(board, head).startswith(b"HTTP/1.1 413")


_SIGNED = [name for name, adapter in adapters(lambda _url: b"").items() if adapter.LARGEST < 10**7]


@pytest.mark.parametrize("name", _SIGNED)
def test_what_is_read_before_it_is_proven_has_a_narrower_bound(
    board: Switchboard, name: str
) -> None:
    """A length beyond it is refused while no octet of the body has come."""
    head = _head(name, length=5_000_001)
    assert _answer_to(board, head).startswith(b"HTTP/1.1 413")


def test_a_body_of_no_announced_length_is_read_to_its_bound(board: Switchboard) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 50_000_000:
            sent += 100_000
            yield b"x" * 100_000

    with suppress(httpx.WriteError, httpx.RemoteProtocolError):
        answer = httpx.post(f"{board.url}/webhooks/sendgrid", content=endless())
        assert answer.status_code == 413
    assert sent < 10_000_000


def test_a_packed_call_is_unpacked_within_its_bound(board: Switchboard) -> None:
    brevo = BY_NAME["brevo"]
    body, headers = brevo.call(_hard(brevo).event)

    def answer(content: bytes, encoding: str) -> int:
        more = headers | {"Content-Encoding": encoding}
        return board.post("brevo", (content, more)).status_code

    assert answer(gzip.compress(body), "gzip") == 200
    assert [row.kind for row in board.rows()] == [BounceKind.HARD]
    assert answer(gzip.compress(b" " * (12 * 1024 * 1024 + 1)), "gzip") == 413
    assert answer(gzip.compress(body)[:-9], "gzip") == 400
    assert answer(body, "gzip") == 400
    assert answer(body, "br") == 415


def _head(name: str, *, length: int, **more: str) -> bytes:
    fields = {"Host": "127.0.0.1", "Content-Length": str(length)} | more
    lines = [f"POST /webhooks/{name} HTTP/1.1", *(f"{key}: {fields[key]}" for key in fields)]
    return "\r\n".join([*lines, "", ""]).encode()


def _connect(board: Switchboard, head: bytes) -> socket.socket:
    url = httpx.URL(board.url)
    connection = socket.create_connection((url.host, url.port or 80), timeout=60)
    connection.sendall(head)
    return connection


def _answer_to(board: Switchboard, head: bytes) -> bytes:
    with _connect(board, head) as connection:
        return connection.recv(4096)


def test_one_address_has_few_bodies_read_at_once(
    board: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.web.feedback.webhooks._PATIENCE", 0.3)
    begun = _head("sendgrid", length=1000) + b"["
    with ExitStack() as slow:
        calls = [slow.enter_context(_connect(board, begun)) for _ in range(9)]
        answered, _, _ = select_sockets(calls, [], [], 60)
        assert [call.recv(4096)[:12] for call in answered] == [b"HTTP/1.1 503"]
        # Whoever shows a password in the head is not among them.
        hard = _hard(BY_NAME["brevo"])
        assert board.post("brevo", BY_NAME["brevo"].call(hard.event)).status_code == 200
    hard = _hard(BY_NAME["sendgrid"])
    await_condition(
        lambda: board.post("sendgrid", BY_NAME["sendgrid"].call(hard.event)).status_code == 200,
        seconds=60,
        what="room once they are gone",
    )


def test_after_many_calls_that_prove_nothing_no_body_of_that_address_is_read() -> None:
    """A call that proves itself ends the row, and so does a minute."""
    seconds = 0.0

    async def judge() -> list[int]:
        calls = UnprovenCalls(lambda: seconds)
        found = []

        async def ask(network: str) -> None:
            try:
                async with calls.admitted(network):
                    found.append(200)
            except HTTPException as refused:
                found.append(refused.status_code)

        nonlocal seconds
        for _ in range(100):
            calls.note("a", proven=False)
        await ask("a")
        await ask("b")
        seconds = 61.0
        await ask("a")
        for _ in range(99):
            calls.note("a", proven=False)
        calls.note("a", proven=True)
        calls.note("a", proven=False)
        await ask("a")
        return found

    assert run_apart(judge) == [429, 200, 200, 200]


@pytest.mark.parametrize(
    "form",
    [
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 14_000,
        b"--b\r\nContent-Disposition: " + b"(" * 100_000 + b"\r\n\r\n1\r\n--b--",
        b'--b\r\nContent-Disposition: form-data; name="'
        + b"=?utf-8?q?a?= " * 60_000
        + b'"\r\n\r\n1',
        b"".join(
            b'--%d\r\nContent-Type: multipart/mixed; boundary="%d"\r\n\r\n' % (at, at + 1)
            for at in range(3000)
        ),
    ],
    ids=["parts", "brackets", "encoded-words", "nested"],
)
@pytest.mark.parametrize("name", ["mailgun", "mandrill"])
def test_a_strangers_form_takes_no_time(board: Switchboard, name: str, form: bytes) -> None:
    boundary = form[2:].partition(b"\r")[0].decode()
    head = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    assert board.post(name, (form, head)).status_code == 401


def test_half_a_character_holds_up_no_batch(board: Switchboard) -> None:
    batch = [
        {"event": "bounce", "event_id": "1\ud800", "email": READER, "response": "550 \udfff"},
        {"event": "bounce", "event_id": "2", "email": READER},
    ]
    body = json.dumps({"events": batch}).encode()
    answer = board.post("mailtrap", BY_NAME["mailtrap"].sign(body, timedelta()))
    assert answer.json() == {"logged": 2}


def test_json_nested_beyond_reason_does_no_harm(board: Switchboard) -> None:
    body = b"[" * 100_000 + b"]" * 100_000
    assert board.post("brevo", BY_NAME["brevo"].sign(body, timedelta())).status_code == 200
    assert [row.kind for row in board.rows()] == [BounceKind.UNKNOWN]


def test_nothing_is_acknowledged_while_the_database_is_away(tmp_path: Path) -> None:
    engine = open_engine(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path, **SECRETS) as url:
        body, headers = BY_NAME["brevo"].call(_hard(BY_NAME["brevo"]).event)
        answer = httpx.post(f"{url}/webhooks/brevo", content=body, headers=headers)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


@each_database
def test_both_databases_keep_what_a_call_told(engine: Engine, tmp_path: Path) -> None:
    provider = BY_NAME["mailgun"]
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path, **SECRETS) as url:
        body, headers = provider.call(_hard(provider).event)
        told = [
            httpx.post(f"{url}/webhooks/mailgun", content=body, headers=headers).json()
            for _ in range(2)
        ]
    with reading(engine) as session:
        count = session.scalar(select(func.count()).select_from(BounceRow))
    assert (told, count) == ([{"logged": 1}, {"logged": 0}], 1)
