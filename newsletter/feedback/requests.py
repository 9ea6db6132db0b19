"""Requests to leave by mail: the proof of their sender, and those that a person has to read.

A mail to the List-Unsubscribe address has the token of one delivery in its subject. A plain reply
has no token there, and its From can be forged. It counts if it answers a message of ours, proven by
the Message-ID, or quotes one of the signed links in it. Anybody with that message could also leave
by its link, so an unknown address can speak for the reader of the message, as when mail is
forwarded. A known reader can speak only for themselves.

Most people who answer leave the subject unchanged and write their wish above the quotation. A
subscription is ended only if the wish is plain; a question or a denial is left to an operator.

The latter have no proof, or are answers in words that no program understands; each waits until an
operator records what was done.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from unicodedata import normalize

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, read_reason, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import ALL_RIGHTS, Rights
from newsletter.addresses import parse_address
from newsletter.bounces.addresses import find_address, find_addresses
from newsletter.bounces.mail import Mail
from newsletter.database.tables import BounceDecisionRow, BounceRow, MailingRow, SubscriberRow
from newsletter.database.tables.feedback import WAITS
from newsletter.database.vocabulary import FeedbackAction, UnsubscribeWay
from newsletter.errors import ConflictError, ListError, NotFoundError, TokenError
from newsletter.feedback.attribution import (
    Keys,
    delivery_of_message_id,
    mailing_of_message_id,
)
from newsletter.feedback.leave_words import Wish, names_held_data, read_mail_wish
from newsletter.i18n.messages import msg
from newsletter.mailings.planning.links import compare, read_link, refer
from newsletter.mailings.planning.variants import content_of_reader
from newsletter.message.identifiers import read_delivery_id
from newsletter.rendering.slots import fill
from newsletter.tokens import DeliveryRef, Purpose
from subscribers.leaving import unsubscribe
from subscribers.people import find_person

#: Some mail programs leave the address's percent signs undecoded.
_TOKEN = re.compile(r"unsubscribe(?:\s|%20|\+)+([A-Za-z0-9_-]{20,200})", re.IGNORECASE)
#: Lines of a mail that are searched for a wish, and the characters of each line that are read.
_OPENING_LINES, _LONGEST_LINE = 20, 300
#: Characters that are read of a paragraph on one line, as many mail programs write it; and the ends
#: of its sentences, each of which counts as a line.
_LONGEST_PARAGRAPH = 3_000
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s*(?=\S)")
#: Maximum number of lines that are read, including quoted ones.
_LOOKED_AT = 400
#: A quoted line, and the line above a quotation: a header or "On … wrote:" in any language.
_QUOTED = re.compile(r"[>＞|｜]")
_QUOTE_HEAD = re.compile(
    r"[-_=*―─━]{3,}|(?:from|von|de|差出人|送信者|送信元|发件人|보낸\s?사람)\s?[:：]"
    r"|.*(?:[@＠]|\d{4}).*[:：]$|.*(?:wrote|書きました|のメール)\s?[:：]?$",
    re.IGNORECASE,
)
#: Words of somebody else: in quotation marks behind a colon ("My mother wrote: “Take me off”").
_REPORTED = re.compile(
    r"[:：]\s{0,3}(?:[\"＂“”„‟][^\"＂“”„‟]{8,600}[\"＂“”]|[«»][^«»]{8,600}[«»]"
    r"|「[^「」]{4,600}」|『[^『』]{4,600}』)"
)
#: Prefixes that programs put before the subject of an answer.
_REPLY = re.compile(
    r"^(?:\s*(?:re|aw|sv|antw|odp|res|rif|回[复覆]|答复|返信|답장)\s*[:：])+", re.IGNORECASE
)
#: Headers of mailing lists, whose mail begins with instructions for leaving that list.
_OF_LISTS = ("list-unsubscribe", "list-id", "feedback-id")
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")
_REFERENCES = 20
#: Links of a delivery, by the first part of their path.
_LINK = re.compile(r"/([upv])/([A-Za-z0-9_-]{20,200})")
_PURPOSES = {"u": Purpose.UNSUBSCRIBE, "p": Purpose.PREFERENCES, "v": Purpose.VIEW}


def wish_to_leave(session: Session, mail: Mail, keys: Keys, *, asks: bool) -> DeliveryRef | None:
    """Return the delivery whose subscription a mail provably asks to end.

    The search can try all recipients of an issue and take seconds, so ``session`` only reads and
    does not block writers.

    Args:
        session: The database.
        mail: The mail.
        keys: The keys that verify our signatures.
        asks: Whether the mail mentions leaving; the result of `asks_to_leave`.
    """
    ref = _by_token(session, mail, keys)
    if ref is None and asks:
        ref = _by_reply(session, mail, keys)
    return ref


def leave_by_mail(session: Session, wish: DeliveryRef) -> bool:
    """End the subscription of a wish in this transaction; return False if its owner changed."""
    ref = compare(session, [wish])[wish]
    if ref is None:
        return False
    unsubscribe(
        session,
        newsletter_id=ref.newsletter_id,
        subscriber_id=ref.subscriber_id,
        mailing_id=ref.mailing_id or None,
        way=UnsubscribeWay.MAIL,
    )
    return True


def asks_to_leave(mail: Mail, *, is_automatic: bool) -> bool:
    """Return whether a mail mentions leaving, in its subject or in unquoted text.

    A malicious text can take half a second, so do not call this within a transaction.

    Args:
        mail: The mail.
        is_automatic: Whether it is a report or an automatic reply, which expresses no wish.
    """
    return _is_written(mail, is_automatic=is_automatic) and _wish(mail) is not Wish.NONE


def asks_about_data(mail: Mail) -> bool:
    """Return whether a mail names the data held of its writer, in its subject or unquoted text."""
    return names_held_data(mail.subject, _opening(mail))


def answers_ours(mail: Mail, keys: Keys, *, is_automatic: bool) -> bool:
    """Return whether somebody answers a message of ours, in any words.

    No program understands every wording of a wish, so a person reads such answers. Strangers
    cannot forge a Message-ID of ours, so their mail does not count as an answer.

    Args:
        mail: The mail.
        keys: The keys that verify our signatures.
        is_automatic: As in `asks_to_leave`.
    """
    if mail.has_empty_sender or _is_of_list(mail):
        return False
    return _is_written(mail, is_automatic=is_automatic) and any(
        read_delivery_id(keys.message_id_key, each) is not None for each in _answered(mail)
    )


def _is_written(mail: Mail, *, is_automatic: bool) -> bool:
    """Return whether nothing in a mail marks it as sent by a program."""
    return not is_automatic and mail.headers.get("auto-submitted") in {"", "no"}


def _is_of_list(mail: Mail) -> bool:
    return any(name in mail.headers for name in _OF_LISTS)


def _answered(mail: Mail) -> list[str]:
    """Return the Message-IDs that a mail answers."""
    text = f"{mail.headers.get('in-reply-to')} {mail.headers.get('references')}"
    return [match[0] for match in islice(_MESSAGE_ID.finditer(text), _REFERENCES)]


def _wish(mail: Mail, *, own: str = "", reader: str = "") -> Wish:
    """Return the clearest wish of a mail, without the part of its subject that is ``own``."""
    subject = mail.subject.replace(own, "") if own else mail.subject
    heads = (mail.headers.get(name) for name in ("from", "to", "cc", "reply-to"))
    known = {one.lower() for one in find_addresses(" ".join((*heads, reader)))}
    return read_mail_wish(_REPLY.sub("", subject), _opening(mail), known)


def _opening(mail: Mail) -> list[str]:
    """Return the first lines that a person wrote, above or below a quotation.

    A quotation without a mark on each line extends to the end. What they report of somebody else
    is left out.
    """
    if _is_of_list(mail):
        return []
    lines = (
        normalize("NFKC", piece[:_LONGEST_LINE]).strip()
        for line in mail.words.split("\n")
        for piece in _sentences_of(line)
    )
    written: list[str] = []
    below_head = False
    for line in islice(filter(None, lines), _LOOKED_AT):
        if _QUOTED.match(line):
            below_head = False
        elif below_head or len(written) == _OPENING_LINES:
            break
        elif _QUOTE_HEAD.match(line):
            below_head = True
        else:
            written.append(line)
    return _REPORTED.sub(":", "\n".join(written)).split("\n")


def _sentences_of(line: str) -> list[str]:
    """Return a line as it is, or the sentences of a paragraph that is one long line."""
    if len(line) <= _LONGEST_LINE:
        return [line]
    return _SENTENCE_END.split(line[:_LONGEST_PARAGRAPH])


def _by_token(session: Session, mail: Mail, keys: Keys) -> DeliveryRef | None:
    match = _TOKEN.search(mail.subject)
    if match is None:
        return None
    try:
        return read_link(session, keys.signer, Purpose.UNSUBSCRIBE, match[1])
    except TokenError:
        return None


def _by_reply(session: Session, mail: Mail, keys: Keys) -> DeliveryRef | None:
    try:
        sender = parse_address(find_address(mail.headers.get("from")))
    except ListError:
        return None
    person = find_person(session, sender)
    answered = _answered(mail)
    if person is None:
        return _by_unknown_address(session, mail, keys, answered)
    for message_id in answered:
        mailing_id = mailing_of_message_id(session, keys, message_id, person.id)
        if mailing_id is None or not _wishes(session, mail, mailing_id, person.id):
            continue
        return _refer(session, mailing_id, person.id)
    return None


def _by_unknown_address(
    session: Session, mail: Mail, keys: Keys, answered: Sequence[str]
) -> DeliveryRef | None:
    """Return the delivery that a mail is provably about; None if it names several people's."""
    found: list[DeliveryRef] = []
    for match in islice(_LINK.finditer(mail.words), _REFERENCES):
        with suppress(TokenError):
            found.append(read_link(session, keys.signer, _PURPOSES[match[1]], match[2]))
    # The owner of a Message-ID has to be searched for among all recipients of its mailing.
    for message_id in answered if not found else ():
        delivery = delivery_of_message_id(session, keys, message_id)
        if delivery is not None:
            found.append(_refer(session, *delivery))
            break
    if len({(ref.newsletter_id, ref.subscriber_id) for ref in found}) != 1:
        return None
    ref = found[0]
    return ref if _wishes(session, mail, ref.mailing_id, ref.subscriber_id) else None


def _refer(session: Session, mailing_id: int, subscriber_id: int) -> DeliveryRef:
    query = select(MailingRow.newsletter_id).where(MailingRow.id == mailing_id)
    return refer(session, session.scalars(query).one(), subscriber_id, mailing_id)


def _wishes(session: Session, mail: Mail, mailing_id: int, subscriber_id: int) -> bool:
    """Return whether a plain wish is the sender's own: an issue's subject can be about leaving."""
    own = ""
    if mailing_id:
        try:
            content = content_of_reader(session, mailing_id, subscriber_id)
        except NotFoundError:
            return False
        own = fill(content.rendered.subject, {})
    reader = session.scalars(
        select(SubscriberRow.address).where(SubscriberRow.id == subscriber_id)
    ).one()
    return _wish(mail, own=own, reader=reader or "") is Wish.PLAIN


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenRequests:
    """The number of open requests of a newsletter, or of no known one, and the oldest's time."""

    newsletter_id: int | None
    count: int
    since: datetime


#: Requests that are listed at most.
_LISTED = 50


def list_open_requests(
    session: Session, newsletter_ids: Collection[int] | None = None
) -> Sequence[BounceRow]:
    """Return the open requests, the oldest first; of some newsletters, or of all (None)."""
    query = (
        select(BounceRow)
        .join(BounceDecisionRow, BounceDecisionRow.bounce_id == BounceRow.id)
        .where(literal_column(WAITS))
        .order_by(BounceRow.id)
        .limit(_LISTED)
    )
    if newsletter_ids is not None:
        query = query.where(BounceRow.newsletter_id.in_(newsletter_ids))
    return session.scalars(query).all()


def count_open_requests(session: Session) -> Sequence[OpenRequests]:
    """Count the open requests by newsletter."""
    rows = session.execute(
        select(BounceRow.newsletter_id, func.count(), func.min(BounceRow.occurred_at))
        .join(BounceDecisionRow, BounceDecisionRow.bounce_id == BounceRow.id)
        .where(literal_column(WAITS))
        .group_by(BounceRow.newsletter_id)
    )
    return [
        OpenRequests(newsletter_id=newsletter_id, count=count, since=since)
        for newsletter_id, count, since in rows
    ]


def handle_request(
    session: Session,
    actor: Actor,
    bounce_id: int,
    *,
    reason: str,
    rights: Rights = ALL_RIGHTS,
) -> None:
    """Close a reader's request; the reason records what was done.

    This changes no subscription. If the person is to get no more mail, they are unsubscribed or
    suppressed by hand, or are told which link to use.

    Raises:
        OrderError: The reason is empty or longer than 500 characters.
        NotFoundError: There is no bounce of that number within these rights.
        ConflictError: The request is closed, or was not judged yet.
    """
    why = read_reason(reason)
    row = session.get(BounceRow, bounce_id)
    if row is None or not rights.cover(Permission.SEE_BOUNCES, row.newsletter_id):
        raise NotFoundError(msg("There is no bounce {bounce}.", bounce=bounce_id))
    decision = session.scalars(
        select(BounceDecisionRow)
        .where(BounceDecisionRow.bounce_id == bounce_id, literal_column(WAITS))
        .with_for_update()
    ).one_or_none()
    if decision is None:
        raise ConflictError(
            msg("Bounce {bounce} is no email that waits for an answer.", bounce=bounce_id)
        )
    decision.action = FeedbackAction.HANDLED
    record_event(
        session,
        actor,
        Action.BOUNCE_HANDLE,
        object=f"bounce {bounce_id}",
        newsletter_id=row.newsletter_id,
        reason=why,
    )
