"""TLS and signing in: verified by the client, refused in clear words, and no secret told."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509

from newsletter.errors import SettingError
from newsletter.mailings.ledger.relay_faults import RelayFault, read_fault
from tests.support.authority import Authority
from tests.support.courier import Satchel, carry
from tests.support.ports import free_port
from workers.transports import open_route
from workers.transports.base import Envelope as OurEnvelope
from workers.transports.base import Parcel, ResultKind

pytestmark = pytest.mark.servers

_USER, _PASSWORD = "sender", "s3cret/äöü:@"


class _Inbox:
    def __init__(self) -> None:
        self.taken: list[str] = []
        self.tried: list[str] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's hook
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.taken += envelope.rcpt_tos
        return "250 2.0.0 queued as 1"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.tried.append(mechanism)
        told = (data.login.decode(), data.password.decode())
        return AuthResult(success=told == (_USER, _PASSWORD), handled=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def ours(authority: Authority) -> ssl.SSLContext:
    return authority.context(x509.IPAddress(ip_address("127.0.0.1")))


@contextmanager
def _relay(inbox: _Inbox, **how: Any) -> Iterator[int]:
    port = free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port, **how)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def _carry(url: str) -> tuple[str, Satchel]:
    envelope = OurEnvelope(sender="bounces@example.jp", recipient="reader@example.jp")
    satchel = Satchel([Parcel(position=1, envelope=envelope, message=b"Subject: x\r\n\r\nx\r\n")])
    return carry(url, satchel), satchel


def _nothing_was_tried(satchel: Satchel) -> bool:
    kinds = {result.kind for result in satchel.results.values()}
    return not satchel.committed and kinds <= {ResultKind.NOT_TRIED}


def test_mail_goes_over_starttls(authority: Authority, ours: ssl.SSLContext) -> None:
    inbox = _Inbox()
    with _relay(inbox, tls_context=ours, require_starttls=True) as port:
        reason, satchel = _carry(f"smtp://127.0.0.1:{port}?tls=starttls&ca={authority.file}")
    assert (reason, satchel.results[1].kind) == ("", ResultKind.ACCEPTED)
    assert inbox.taken == ["reader@example.jp"]


def test_mail_goes_over_implicit_tls(authority: Authority, ours: ssl.SSLContext) -> None:
    inbox = _Inbox()
    with _relay(inbox, ssl_context=ours) as port:
        reason, satchel = _carry(f"smtps://127.0.0.1:{port}?ca={authority.file}")
    assert (reason, satchel.results[1].kind) == ("", ResultKind.ACCEPTED)


def test_a_relay_that_offers_no_starttls_gets_nothing() -> None:
    inbox = _Inbox()
    with _relay(inbox) as port:
        reason, satchel = _carry(f"smtp://127.0.0.1:{port}?tls=starttls")
    assert read_fault(reason)[0] is RelayFault.TLS_MISSING
    assert "offers no STARTTLS" in reason
    assert _nothing_was_tried(satchel)
    assert inbox.taken == []


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_a_certificate_of_an_unknown_authority_is_refused(
    ours: ssl.SSLContext, scheme: str
) -> None:
    inbox = _Inbox()
    how = {"ssl_context": ours} if scheme == "smtps" else {"tls_context": ours}
    options = "" if scheme == "smtps" else "?tls=starttls"
    with _relay(inbox, **how) as port:
        reason, satchel = _carry(f"{scheme}://127.0.0.1:{port}{options}")
    assert read_fault(reason)[0] is RelayFault.CERTIFICATE_UNTRUSTED
    assert _nothing_was_tried(satchel)
    assert inbox.taken == []


@pytest.mark.parametrize(
    ("age", "fault"),
    [
        (timedelta(days=3), RelayFault.CERTIFICATE_EXPIRED),
        (timedelta(days=-3), RelayFault.CERTIFICATE_EARLY),
    ],
)
def test_a_certificate_of_another_time_is_refused(
    authority: Authority, age: timedelta, fault: RelayFault
) -> None:
    own = authority.context(x509.IPAddress(ip_address("127.0.0.1")), age=age)
    with _relay(_Inbox(), tls_context=own) as port:
        reason, satchel = _carry(f"smtp://127.0.0.1:{port}?tls=starttls&ca={authority.file}")
    assert read_fault(reason)[0] is fault
    assert _nothing_was_tried(satchel)


def test_a_file_of_authorities_that_is_not_there_is_said(ours: ssl.SSLContext) -> None:
    with _relay(_Inbox(), tls_context=ours) as port:
        reason, satchel = _carry(f"smtp://127.0.0.1:{port}?tls=starttls&ca=/nowhere/ca.pem")
    assert read_fault(reason)[0] is RelayFault.AUTHORITIES_UNREADABLE
    assert _nothing_was_tried(satchel)


def test_a_certificate_of_another_host_is_refused(authority: Authority) -> None:
    inbox = _Inbox()
    with _relay(inbox, ssl_context=authority.context(x509.DNSName("other.example.jp"))) as port:
        reason, satchel = _carry(f"smtps://127.0.0.1:{port}?ca={authority.file}")
    assert "127.0.0.1" in reason
    assert read_fault(reason)[0] is RelayFault.CERTIFICATE_NAME
    assert _nothing_was_tried(satchel)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_it_signs_in_by_what_the_relay_offers(
    authority: Authority, ours: ssl.SSLContext, mechanism: str
) -> None:
    inbox = _Inbox()
    other = {"PLAIN": "LOGIN", "LOGIN": "PLAIN"}[mechanism]
    how = {"authenticator": inbox.authenticate, "auth_required": True}
    with _relay(inbox, tls_context=ours, auth_exclude_mechanism=[other], **how) as port:
        account = f"{_USER}:{quote(_PASSWORD, safe='')}"
        url = f"smtp://{account}@127.0.0.1:{port}?tls=starttls&ca={authority.file}"
        reason, satchel = _carry(url)
    assert (reason, satchel.results[1].kind) == ("", ResultKind.ACCEPTED)
    assert inbox.tried == [mechanism]


def test_a_wrong_password_holds_the_relay_and_is_not_told(
    authority: Authority, ours: ssl.SSLContext
) -> None:
    inbox = _Inbox()
    how = {"authenticator": inbox.authenticate, "auth_required": True}
    with _relay(inbox, tls_context=ours, **how) as port:
        url = f"smtp://{_USER}:wr0ng@127.0.0.1:{port}?tls=starttls&ca={authority.file}"
        reason, satchel = _carry(url)
    assert read_fault(reason)[0] is RelayFault.PASSWORD
    assert "535" in reason
    assert "wr0ng" not in reason
    assert _nothing_was_tried(satchel)


def test_a_password_never_travels_in_the_clear() -> None:
    with pytest.raises(SettingError) as caught:
        open_route("smtp://sender:s3cret@mail.example.jp?tls=none")
    assert "tls" in caught.value.remedy
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["smtp://sender:s3cret@mail.example.jp:99999", "smtp://sender:s3@cret#1@mail.example.jp"],
)
def test_an_address_of_a_relay_that_cannot_be_read_says_what_to_write(url: str) -> None:
    with pytest.raises(SettingError) as refused:
        open_route(url)
    assert "65535" in refused.value.remedy
    assert not any(part in str(refused.value) for part in ("s3", "cret", "mail.example.jp"))


def test_with_a_password_tls_is_asked_for_without_a_word() -> None:
    inbox = _Inbox()
    with _relay(inbox) as port:
        # So written it is no address of this machine's, and leads to it all the same.
        reason, satchel = _carry(f"smtp://{_USER}:x@127.1:{port}")
    assert read_fault(reason)[0] is RelayFault.TLS_MISSING
    assert "offers no STARTTLS" in reason
    assert _nothing_was_tried(satchel)
    assert inbox.tried == []
