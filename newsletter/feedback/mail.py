"""Process received mail; the result is committed before the source may delete the mail."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from newsletter.bounces.addresses import find_address
from newsletter.bounces.mail import Mail, open_mail
from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from newsletter.bounces.reading import read_report
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import BounceKind
from newsletter.feedback.attribution import Keys
from newsletter.feedback.joining import JoiningByMail
from newsletter.feedback.log import log_events, mail_event
from newsletter.feedback.requests import (
    answers_ours,
    asks_about_data,
    asks_to_leave,
    leave_by_mail,
    wish_to_leave,
)
from newsletter.message.identifiers import claims_delivery, read_return_path
from newsletter.tokens import TokenSigner


class Taken(StrEnum):
    """The result for a mail; the source may delete it after any result but the last."""

    #: A report or an automatic reply, which is in the bounce log.
    LOGGED = "logged"
    #: The sender was unsubscribed.
    LEFT = "left"
    #: The sender asked to join.
    ASKED = "asked"
    #: An unrecognised mail to an address of ours. It is in the log, raw.
    UNKNOWN = "unknown"
    #: Either the mail does not concern us, and nothing is stored. Or a reader asks to leave without
    #: a proof, or answers in words that no program understands: then the mail is in the log for an
    #: operator. In both cases it stays at its source.
    UNRELATED = "unrelated"


def take_mail(
    engine: Engine,
    raw: bytes,
    keys: Keys,
    *,
    envelope_to: str = "",
    envelope_from: str | None = None,
    is_for_us: bool = False,
    joining: JoiningByMail | None = None,
) -> Taken:
    """Carry out the request of a mail, or log the mail; a repeated mail changes nothing more.

    Args:
        engine: The database.
        raw: The mail as received.
        keys: The keys that verify our signatures.
        envelope_to: The address it was delivered to, if the caller knows it.
        envelope_from: The envelope sender, if the caller knows it.
        joining: The receiver of requests to join; None if these are not accepted by mail.
        is_for_us: Whether the source receives mail for us only; unrecognised mail is then logged.
    """
    mail = open_mail(raw, envelope_from=envelope_from)
    report = read_report(raw, envelope_to=envelope_to, envelope_from=envelope_from)
    if (
        joining
        and (newsletter := joining.requested_newsletter(mail, envelope_to=envelope_to)) is not None
    ):
        is_answered = report.kind is ReportKind.OTHER and joining.take(
            mail, raw, newsletter, envelope_from=envelope_from
        )
        # Mail from a program to this address is not a request, and not about a mail of ours.
        return Taken.ASKED if is_answered else Taken.UNRELATED
    is_report = report.kind is not ReportKind.OTHER
    asks = asks_to_leave(mail, is_automatic=is_report)
    waits_as: BounceKind | None = None
    if asks:
        waits_as = BounceKind.REQUEST
    elif answers_ours(mail, keys, is_automatic=is_report):
        waits_as = BounceKind.ANSWER
    names_data = asks and asks_about_data(mail)
    with reading(engine) as session:
        wish = wish_to_leave(session, mail, keys, asks=asks)
    with transaction(engine) as session:
        has_left = wish is not None and leave_by_mail(session, wish)
        if has_left and not names_data:
            return Taken.LEFT
        # Whoever also asks for their data to be erased waits for a person, who does that.
        is_related = is_report or is_for_us or _is_returned(mail, report)
        if waits_as is not None:
            report = _from_sender(mail, report)
        if waits_as is not None or is_related:
            log_events(session, [mail_event(report, raw, waits_as=waits_as)])
    if has_left:
        return Taken.LEFT
    if not is_related:
        return Taken.UNRELATED
    return Taken.LOGGED if is_report else Taken.UNKNOWN


def _from_sender(mail: Mail, report: Report) -> Report:
    """Return the report with the mail's sender as recipient, so it is about nobody else."""
    sender = find_address(mail.headers.get("from"))
    return replace(
        report,
        recipients=(ReportedRecipient(address=sender, hard=False, reason=Reason.UNKNOWN),),
    )


def _is_returned(mail: Mail, report: Report) -> bool:
    """Return whether an unrecognised mail is a returned one, by its empty sender or its VERP."""
    return claims_delivery(report.return_path) or mail.has_empty_sender


def is_ours(engine: Engine, signer: TokenSigner, address: str) -> bool:
    """Return whether an address is ours: for bounces, signed return paths, or unsubscribing."""
    if not address.isprintable():
        # An envelope may hold characters that no database stores.
        return False
    with reading(engine) as session:
        if _is_listed(session, address.lower()):
            return True
        if read_return_path(signer, address) is None:
            return False
        local, _, domain = address.rpartition("@")
        return _is_listed(session, f"{local.rpartition('+')[0]}@{domain}".lower())


def _is_listed(session: Session, address: str) -> bool:
    row = session.scalar(
        select(NewsletterRow.id)
        .where(
            (func.lower(NewsletterRow.bounce_address) == address)
            | (func.lower(NewsletterRow.unsubscribe_address) == address)
        )
        .limit(1)
    )
    return row is not None
