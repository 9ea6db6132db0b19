"""Joining by an empty mail: who gets a confirmation, and what is never answered."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, select, update

from newsletter.bounces.mail import open_mail
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BounceRow,
    ConsentRow,
    MailingRow,
    NewsletterRow,
    SubscriberRow,
)
from newsletter.database.vocabulary import MailingKind
from newsletter.feedback.joining import JoiningByMail
from newsletter.feedback.mail import Taken, take_mail
from newsletter.settings import Settings
from subscribers.forms.store import conversions
from tests.feedback.conftest import KEYS
from tests.feedback.letters import notice
from tests.support.ports import await_port, free_port
from tests.support.stage import set_stage
from workers.intake.listener import ListenAddress, MailHandler, listen

JOIN = "join+digest@example.jp"
AOI = "aoi@docomo.ne.jp"
MTA = "mx.example.jp"
GENUINE = f"Authentication-Results: {MTA}; spf=pass; dmarc=pass (p=none) header.from=docomo.ne.jp"


@dataclass
class Intake:
    """What takes mail, and what came of it."""

    engine: Engine
    joining: JoiningByMail

    def take(
        self, mail: bytes, *, to: str = JOIN, sender: str | None = AOI, is_for_us: bool = True
    ) -> Taken:
        return take_mail(
            self.engine,
            mail,
            KEYS,
            envelope_to=to,
            envelope_from=sender,
            is_for_us=is_for_us,
            joining=self.joining,
        )

    def asked(self) -> list[str | None]:
        with reading(self.engine) as session:
            query = select(SubscriberRow.address).order_by(SubscriberRow.id)
            return list(session.scalars(query))

    def notices(self) -> int:
        with reading(self.engine) as session:
            query = select(MailingRow.id).where(MailingRow.kind == MailingKind.NOTICE)
            return len(session.scalars(query).all())


def intake_of(engine: Engine, **settings: object) -> Intake:
    chosen = Settings.model_validate({"join_by_mail": True, "join_trusted_mta": MTA, **settings})
    joining = JoiningByMail.of(chosen, engine, KEYS.signer)
    assert joining is not None
    return Intake(engine=engine, joining=joining)


@pytest.fixture
def intake(engine: Engine) -> Intake:
    set_stage(engine)
    return intake_of(engine)


def empty_mail(*headers: str, sender: str = AOI, mark: str = "1") -> bytes:
    lines = [*headers, f"Message-ID: <{mark}@docomo.ne.jp>", f"From: 葵 <{sender}>", f"To: {JOIN}"]
    return ("\r\n".join([*lines, "Subject: ", "", ""])).encode()


def test_an_empty_mail_asks_for_the_confirmation(intake: Intake) -> None:
    assert intake.take(empty_mail()) is Taken.ASKED
    assert intake.asked() == [AOI]
    assert intake.notices() == 1
    with reading(intake.engine) as session:
        (consent,) = session.scalars(select(ConsentRow))
        # No form was seen.
        assert conversions(session, consent.newsletter_id) == {}
    assert consent.source == f"mail to {JOIN}"
    assert "まちのデジタル便り" in consent.wording


def test_the_same_mail_again_asks_nothing_more(intake: Intake) -> None:
    for _ in range(3):
        assert intake.take(empty_mail()) is Taken.ASKED
    assert intake.notices() == 1
    intake.take(empty_mail(mark="2"))
    assert intake.notices() == 2


def test_a_mail_that_names_many_newsletters_asks_the_database_for_few(intake: Intake) -> None:
    asked: list[str] = []
    event.listen(intake.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    names = ", ".join(f"join+n{number}@example.jp" for number in range(400))
    mail = empty_mail(f"Delivered-To: {names}")
    assert intake.take(mail, to="", sender=None, is_for_us=False) is Taken.UNRELATED
    assert len(asked) < len(names.split())


def test_a_mailbox_tells_by_its_headers_for_whom_a_mail_was(intake: Intake) -> None:
    delivered = empty_mail(f"Delivered-To: {JOIN}", f"Return-Path: <{AOI}>")
    assert intake.take(delivered, to="", sender=None, is_for_us=False) is Taken.ASKED
    other = empty_mail().replace(JOIN.encode(), b"office@example.jp")
    assert intake.take(other, to="", sender=None, is_for_us=False) is Taken.UNRELATED


@pytest.mark.parametrize(
    "headers",
    [
        "Auto-Submitted: auto-replied",
        'Auto-Submitted: auto-generated; owner-email="a@example.jp"',
        "Precedence: bulk",
        "Precedence: List",
        "List-Id: <town.example.jp>",
        "List-Unsubscribe: <mailto:x@example.jp>",
        "X-Auto-Response-Suppress: All",
        "X-Autoreply: yes",
        "X-Loop: town@example.jp",
    ],
)
def test_what_a_program_sent_is_not_answered(intake: Intake, headers: str) -> None:
    assert intake.take(empty_mail(headers)) is Taken.UNRELATED
    assert intake.asked() == []
    with reading(intake.engine) as session:
        assert session.scalars(select(BounceRow.id)).all() == []


@pytest.mark.parametrize(
    "sender",
    [
        JOIN,
        "digest@example.jp",
        "bounces@example.jp",
        "MAILER-DAEMON@docomo.ne.jp",
        "postmaster@docomo.ne.jp",
        "owner-town@example.jp",
        "town-request@example.jp",
        "no-reply@docomo.ne.jp",
        "noreply@docomo.ne.jp",
        "bounces+abc=example.jp@lists.example.net",
        "no address",
    ],
)
def test_addresses_of_programs_and_our_own_are_not_answered(intake: Intake, sender: str) -> None:
    assert intake.take(empty_mail(sender=sender)) is Taken.UNRELATED
    assert intake.asked() == []


def test_bounces_are_not_answered(intake: Intake) -> None:
    assert intake.take(notice(JOIN), sender="") is Taken.UNRELATED
    assert intake.take(empty_mail(), sender="") is Taken.UNRELATED
    returned = empty_mail("Return-Path: <>")
    assert intake.take(returned, to="", sender=None, is_for_us=False) is Taken.UNRELATED
    two = empty_mail("From: other@example.net")
    assert intake.take(two) is Taken.UNRELATED
    assert intake.asked() == []


@pytest.mark.parametrize(
    ("headers", "count"),
    [
        ((), 2),
        ((GENUINE,), 5),
        ((GENUINE.replace("pass (p", "fail (p"),), 2),
        ((GENUINE.replace("header.from=docomo", "header.from=evil"),), 2),
        ((GENUINE.replace(MTA, "mx.evil.example"),), 2),
        # Only the topmost is the trusted server's; those below may be the sender's.
        (("Authentication-Results: mx.evil.example; none", GENUINE), 2),
        # What a sender may write into the server's words: a local part, and what a comment quotes.
        ((GENUINE.replace("dmarc", 'smtp.mailfrom="; dmarc') + ' "@evil.example',), 2),
        ((GENUINE.replace("; dmarc", " (says: (x) ; dmarc").replace("(p=none)", "") + " )",), 2),
    ],
)
def test_a_sender_found_genuine_has_the_wider_limit(
    engine: Engine, headers: tuple[str, ...], count: int
) -> None:
    set_stage(engine)
    intake = intake_of(engine, join_limit_newsletter_unproven=2)
    for number in range(5):
        intake.take(empty_mail(*headers, sender=f"r{number}@docomo.ne.jp", mark=str(number)))
    assert intake.notices() == count


def test_a_disposable_address_gets_nothing(intake: Intake) -> None:
    assert intake.take(empty_mail(sender="a@mailinator.com")) is Taken.ASKED
    assert intake.notices() == 0


@pytest.mark.parametrize(
    "address", ["join+digest@other.example", "join+none@example.jp", "join@example.jp", "digest"]
)
def test_no_other_address_asks(intake: Intake, address: str) -> None:
    assert intake.joining.newsletter_at(address) is None


def test_the_address_is_at_the_domain_of_unsubscribing(intake: Intake) -> None:
    with transaction(intake.engine) as session:
        session.execute(update(NewsletterRow).values(unsubscribe_address="u@Mail.example.jp"))
    row = intake.joining.newsletter_at("JOIN+Digest@MAIL.example.jp")
    assert row is not None
    assert intake.joining.requested_newsletter(open_mail(empty_mail()), envelope_to="") is None


def test_unless_it_is_allowed_nobody_joins_by_mail(engine: Engine) -> None:
    assert JoiningByMail.of(Settings(_env_file=None), engine, KEYS.signer) is None


@contextmanager
def _listening(intake: Intake) -> Iterator[smtplib.LMTP]:
    address = ListenAddress(protocol="lmtp", host="127.0.0.1", port=free_port())
    loop, ended = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with listen(address, MailHandler(intake.engine, KEYS, intake.joining)):
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        await_port(address.port)
        with smtplib.LMTP("127.0.0.1", address.port) as connection:
            yield connection
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@pytest.mark.servers
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_mail_servers_hand_it_over_by_lmtp(intake: Intake, tmp_path: Path) -> None:
    del tmp_path
    with _listening(intake) as connection:
        assert connection.sendmail(AOI, JOIN, empty_mail()) == {}
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            connection.sendmail(AOI, "join+none@example.jp", empty_mail())
        connection.rset()
        assert connection.sendmail("<>", JOIN, empty_mail(mark="2")) == {}
    assert intake.notices() == 1


def test_a_domain_beyond_ascii_joins_by_mail_as_by_form(intake: Intake) -> None:
    for sender in ("info@例え.jp", "info@xn--r8jz45g.jp", "info@例え.JP"):
        assert intake.take(empty_mail(sender=sender), sender=sender) is Taken.ASKED
    assert intake.asked() == ["info@xn--r8jz45g.jp"]
