"""Evidence: settle deliveries whose result is unknown by means of the relay's log.

A relay logs the Message-ID of each accepted message. Our Message-IDs are computed from the delivery
alone, so the log settles uncertain deliveries, and after a restore shows who got the mailing.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import BinaryIO

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from newsletter.database.states import CLAIMABLE
from newsletter.database.tables import DeliveryRow, MailingRow, NewsletterRow, SubscriberRow
from newsletter.database.vocabulary import DeliveryState
from newsletter.errors import OrderError
from newsletter.i18n.messages import msg
from newsletter.mailings.ledger.outcomes import Outcome, OwnReason, own_reply
from newsletter.mailings.ledger.recording import bring_back
from newsletter.mailings.mailings import find_mailing
from newsletter.mailings.planning.content import load_content
from newsletter.message.identifiers import delivery_message_id
from newsletter.tokens import mark_of

#: Postfix logs the Message-ID while it reads the message, and the acceptance when it queues it.
_POSTFIX_ID = re.compile(rb"/cleanup\[\d+\]: (\w{5,20}): message-id=<([^>\s]{1,200})>")
_POSTFIX_TAKEN = re.compile(
    rb"/(?:qmgr\[\d+\]: (\w{5,20}): from=|\w+\[\d+\]: (\w{5,20}): to=.*\bstatus=)"
)
#: Exim logs both in one line.
_EXIM_TAKEN = re.compile(rb" ([\w-]{16,23}) <= .*\bid=([^\s]{1,200})")
#: Maximum number of Message-IDs kept until their acceptance is logged, normally seconds later.
_MOST_OPEN = 100_000
_LONGEST_LINE = 4096
_UNKNOWN = CLAIMABLE | {DeliveryState.UNCERTAIN}


def log_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a log, each cut to `_LONGEST_LINE` bytes."""
    is_beginning = True
    while piece := file.readline(_LONGEST_LINE):
        if is_beginning:
            yield piece
        is_beginning = piece.endswith(b"\n")


def taken_by_relay(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the Message-ID and queue id of each message that Postfix or Exim accepted."""
    open_ids: OrderedDict[bytes, bytes] = OrderedDict()
    for line in lines:
        if match := _POSTFIX_ID.search(line):
            open_ids[match[1]] = match[2]
            if len(open_ids) > _MOST_OPEN:
                open_ids.popitem(last=False)
        elif match := _POSTFIX_TAKEN.search(line):
            queue_id = match[1] or match[2]
            if (message_id := open_ids.pop(queue_id, None)) is not None:
                yield _text(message_id), _text(queue_id)
        elif match := _EXIM_TAKEN.search(line):
            yield _text(match[2]), _text(match[1])


def _text(octets: bytes) -> str:
    return octets.decode("ascii", "replace")


def message_ids(
    session: Session, mailing_id: int, key: bytes, positions: Collection[int]
) -> Mapping[int, str]:
    """Return the Message-IDs of the deliveries at these positions, by position."""
    ids = _with_ids(session, mailing_id, key, DeliveryRow.position.in_(positions))
    return {position: message_id for position, _, message_id in ids}


def settle_by_log(session: Session, mailing_id: int, key: bytes, lines: Iterable[bytes]) -> int:
    """Mark the deliveries that the relay's log proves accepted; return how many changed.

    Deliveries that are not in the log do not change: the log may be another relay's, or incomplete.

    Raises:
        OrderError: The log names no message of this mailing, or is not a relay's log.
    """
    identity = find_mailing(session, mailing_id).identity
    taken = _taken_of(mailing_id, lines)
    proven = [
        Outcome(
            position=position,
            subscriber_id=subscriber_id,
            state=DeliveryState.ACCEPTED,
            attempts=1,
            reply=own_reply(OwnReason.IN_RELAY_LOG),
            queue_id=taken[message_id],
        )
        for position, subscriber_id, message_id in _with_ids(
            session, mailing_id, key, DeliveryRow.state.in_(_UNKNOWN)
        )
        if message_id in taken
    ]
    return bring_back(session, mailing_id, identity, proven)


def _taken_of(mailing_id: int, lines: Iterable[bytes]) -> Mapping[str, str]:
    """Return the accepted Message-IDs of a mailing in a log, with their queue ids."""
    prefix, is_log = f"{mailing_id}.", False
    taken = {}
    for message_id, queue_id in taken_by_relay(lines):
        is_log = True
        if message_id.startswith(prefix):
            taken[message_id] = queue_id
    if not is_log:
        raise OrderError(
            msg("Nowhere in this file does Postfix or Exim say that it accepted an email."),
            remedy=msg("Choose the relay’s mail log, such as /var/log/mail.log."),
        )
    if not taken:
        raise OrderError(
            msg("This log names no email of mailing {mailing_id}.", mailing_id=mailing_id),
            remedy=msg(
                "Choose the log of the relay, and of the hours, in which the mailing was sent."
            ),
        )
    return taken


def _with_ids(
    session: Session, mailing_id: int, key: bytes, chosen: ColumnElement[bool]
) -> Iterator[tuple[int, int, str]]:
    identity = find_mailing(session, mailing_id).identity
    domain = load_content(session, mailing_id).message_id_domain
    query = (
        select(
            DeliveryRow.position,
            DeliveryRow.subscriber_id,
            NewsletterRow.created_at,
            SubscriberRow.created_at,
        )
        .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
        .join(NewsletterRow, NewsletterRow.id == MailingRow.newsletter_id)
        .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
        .where(DeliveryRow.mailing_id == mailing_id, chosen)
    )
    for position, subscriber_id, *created_at in session.execute(query).all():
        mark = mark_of(*created_at)
        yield (
            position,
            subscriber_id,
            delivery_message_id(key, mailing_id, identity, subscriber_id, mark, domain),
        )
