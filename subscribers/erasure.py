"""Erasing a person: personal data is deleted, figures are kept, and no mail is ever sent again."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.database.tables import (
    AcknowledgedAlarmRow,
    ApprovalRow,
    BounceDecisionRow,
    BounceRow,
    ConsentRow,
    DeliveryRow,
    DigestEntryRow,
    DrainedWorkerRow,
    HeldDomainRow,
    ImportChangeRow,
    ImportSpreadRow,
    IncidentRow,
    IssueCommentRow,
    JoinInvitationRow,
    JoinRequestRow,
    ListImportRow,
    MailingRow,
    NewsletterRow,
    NoteRow,
    RelayRow,
    SegmentRow,
    SeriesEnrolmentRow,
    SeriesRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TaggingRow,
    TagRow,
    TestGroupRow,
    UnsubscribeEventRow,
)
from newsletter.database.vocabulary import GrowthCause, SuppressionReason, UnsubscribeWay
from newsletter.tokens import Pseudonyms
from subscribers.leaving import unsubscribe, unsubscribe_from_all
from subscribers.lists.imports.runs import forget_address
from subscribers.subscription_columns import EMPTIED

#: Texts written by others or about several people: only the address is removed from them.
_TEXTS: tuple[InstrumentedAttribute[str], ...] = (
    BounceRow.raw,
    BounceRow.reply,
    BounceRow.return_path,
    IncidentRow.words,
    IncidentRow.closed_because,
    BounceDecisionRow.undone_because,
    SuppressionRow.evidence,
    SegmentRow.query,
    MailingRow.segment,
    SeriesRow.condition,
    NoteRow.text,
    UnsubscribeEventRow.remark,
    JoinInvitationRow.note,
    IssueCommentRow.words,
    ApprovalRow.returned_because,
    AcknowledgedAlarmRow.reason,
    RelayRow.reason,
    HeldDomainRow.reason,
    DrainedWorkerRow.reason,
)
#: The same for values that hold several texts, such as the words that an order searches people by.
_VALUES: tuple[InstrumentedAttribute[Any], ...] = (TaggingRow.terms, ApprovalRow.plan)
#: Tables whose rows belong to one person in one newsletter, and are deleted with that data.
_ROWS_OF_A_PERSON: tuple[type[Any], ...] = (
    JoinRequestRow,
    TagRow,
    ImportSpreadRow,
    NoteRow,
    DigestEntryRow,
    SeriesEnrolmentRow,
)
#: Ids per statement, below the databases' limit of parameters.
_CHUNK = 500


def erase(
    session: Session,
    subscriber_id: int,
    pseudonyms: Pseudonyms,
    *,
    way: UnsubscribeWay,
) -> bool:
    """Erase a person; return False if they were erased before.

    Deliveries and consents keep their number, state and time. Of the address only a keyed hash is
    kept, so that importing a list with this address cannot add it again. The audit log is not
    changed.

    Args:
        session: The database session, in a transaction.
        subscriber_id: The person.
        pseudonyms: Compute the keyed hash of the address.
        way: The way of unsubscribing that is logged.
    """
    traces = Traces.of(_addresses_of(session, subscriber_id))
    # First, since workers that tag people lock their order before the people.
    for values in _VALUES:
        _erase_from_values(session, values, traces)
    encoded = _bounces_with_encoded(session, traces)
    _hold_what_is_about(session, subscriber_id, traces, encoded)
    person = session.scalars(
        select(SubscriberRow).where(SubscriberRow.id == subscriber_id).with_for_update()
    ).one_or_none()
    if person is None or person.address_key is None:
        return False
    unsubscribe_from_all(
        session, subscriber_id=subscriber_id, mailing_id=None, way=way, cause=GrowthCause.ERASED
    )
    _keep_as_hash(session, person.address_key, pseudonyms)
    addresses = {name for name in (person.address, person.address_key) if name}
    _erase_bounces(session, person, addresses)
    for column in _TEXTS:
        _erase_from_texts(session, column, traces)
    _erase_from_encoded(session, traces, encoded)
    _erase_from_groups(session, addresses)
    forget_address(session, addresses)
    # Replies of mail servers often repeat the address.
    session.execute(
        update(DeliveryRow).where(DeliveryRow.subscriber_id == subscriber_id).values(reply=None)
    )
    session.execute(
        update(ConsentRow).where(ConsentRow.subscriber_id == subscriber_id).values(network="")
    )
    session.execute(
        update(UnsubscribeEventRow)
        .where(UnsubscribeEventRow.subscriber_id == subscriber_id)
        .values(remark="")
    )
    person.address = person.address_key = None
    person.domain = ""
    tables: tuple[type[Any], ...] = (*_ROWS_OF_A_PERSON, ImportChangeRow)
    for table in tables:
        session.execute(delete(table).where(table.subscriber_id == subscriber_id))
    session.execute(
        update(SubscriptionRow)
        .where(SubscriptionRow.subscriber_id == subscriber_id)
        .values(EMPTIED)
    )
    session.flush()
    return True


def is_known_elsewhere(session: Session, subscriber_id: int, group_id: int) -> bool:
    """Return whether newsletters outside of a group hold data about a person."""
    others = (
        select(SubscriptionRow.newsletter_id)
        .join(NewsletterRow, NewsletterRow.id == SubscriptionRow.newsletter_id)
        .where(SubscriptionRow.subscriber_id == subscriber_id, NewsletterRow.group_id != group_id)
    )
    return session.scalar(others.limit(1)) is not None


def erase_within(session: Session, subscriber_id: int, group_id: int) -> None:
    """Erase a group's data about a person whose address newsletters outside of it hold, too.

    The address stays on the group's lists as unsubscribed, so that no import subscribes it again.
    """
    person = session.get_one(SubscriberRow, subscriber_id)
    addresses = {name for name in (person.address, person.address_key) if name}
    newsletters = select(NewsletterRow.id).where(NewsletterRow.group_id == group_id)
    mailings = select(MailingRow.id).where(MailingRow.newsletter_id.in_(newsletters))

    def theirs(table: type[Any]) -> tuple[ColumnElement[bool], ...]:
        return (table.subscriber_id == subscriber_id, table.newsletter_id.in_(newsletters))

    for number in session.scalars(newsletters).all():
        unsubscribe(
            session,
            newsletter_id=number,
            subscriber_id=subscriber_id,
            mailing_id=None,
            way=UnsubscribeWay.OPERATOR,
            cause=GrowthCause.ERASED,
        )
    _empty_bounces(session, *theirs(BounceRow))
    session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.subscriber_id == subscriber_id, DeliveryRow.mailing_id.in_(mailings))
        .values(reply=None)
    )
    session.execute(update(ConsentRow).where(*theirs(ConsentRow)).values(network=""))
    session.execute(
        update(UnsubscribeEventRow).where(*theirs(UnsubscribeEventRow)).values(remark="")
    )
    for table in _ROWS_OF_A_PERSON:
        session.execute(delete(table).where(*theirs(table)))
    imports = select(ListImportRow.id).where(ListImportRow.newsletter_id.in_(newsletters))
    session.execute(
        delete(ImportChangeRow).where(
            ImportChangeRow.subscriber_id == subscriber_id, ImportChangeRow.import_id.in_(imports)
        )
    )
    traces = Traces.of(addresses)
    for note in session.scalars(select(NoteRow).where(NoteRow.newsletter_id.in_(newsletters))):
        note.text = traces.erase_from(note.text)
    session.execute(update(SubscriptionRow).where(*theirs(SubscriptionRow)).values(EMPTIED))
    session.flush()


def _empty_bounces(session: Session, *conditions: ColumnElement[bool]) -> None:
    session.execute(
        update(BounceRow)
        .where(*conditions)
        .values(address="", domain="", reply="", raw="", return_path="", message_id="")
    )


def _addresses_of(session: Session, subscriber_id: int) -> set[str]:
    """Return a person's stored address; the address of a subscriber never changes."""
    addresses = session.execute(
        select(SubscriberRow.address, SubscriberRow.address_key).where(
            SubscriberRow.id == subscriber_id
        )
    ).one_or_none()
    return {name for name in addresses or () if name}


def _bounces_with_encoded(session: Session, traces: Traces) -> list[int]:
    """Return the bounces that quote the address within base64, which no query can search."""
    if not traces.plain:
        return []
    rows = session.execute(
        select(BounceRow.id, BounceRow.raw)
        .where(BounceRow.raw.icontains("base64"))
        .execution_options(yield_per=200)
    )
    return [number for number, raw in rows if traces.erase_encoded(raw) != raw]


def _hold_what_is_about(
    session: Session, subscriber_id: int, traces: Traces, encoded: Collection[int]
) -> None:
    """Lock a person's deliveries and bounces before the person, which avoids deadlocks.

    Code that records a reply or acts on bounces locks these rows first, and then the person. The
    bounces of other people that name this person are locked too, since code that acts on several
    bounces could otherwise wait for one while holding another.
    """
    session.execute(
        select(DeliveryRow.position)
        .where(DeliveryRow.subscriber_id == subscriber_id)
        .order_by(DeliveryRow.mailing_id, DeliveryRow.position)
        .with_for_update()
    )
    columns = (column for column in _TEXTS if column.class_ is BounceRow)
    named = select(BounceRow.id).where(
        or_(
            BounceRow.subscriber_id == subscriber_id,
            func.lower(BounceRow.address).in_(traces.plain),
            *(
                column.icontains(form, autoescape=True)
                for column in columns
                for form in traces.plain
            ),
        )
    )
    held = sorted({*session.scalars(named), *encoded})
    for first in range(0, len(held), _CHUNK):
        session.execute(
            select(BounceRow.id)
            .where(BounceRow.id.in_(held[first : first + _CHUNK]))
            .order_by(BounceRow.id)
            .with_for_update()
        )


def _erase_bounces(session: Session, person: SubscriberRow, addresses: Iterable[str]) -> None:
    _empty_bounces(
        session,
        (BounceRow.subscriber_id == person.id)
        | func.lower(BounceRow.address).in_({name.lower() for name in addresses}),
    )


def _erase_from_texts(session: Session, column: InstrumentedAttribute[str], traces: Traces) -> None:
    table = column.class_
    texts = session.scalars(
        select(table).where(
            or_(*(column.icontains(form, autoescape=True) for form in traces.plain))
        )
    )
    for row in texts:
        setattr(row, column.key, traces.erase_from(getattr(row, column.key) or ""))
    session.flush()


def _erase_from_values(
    session: Session, column: InstrumentedAttribute[Any], traces: Traces
) -> None:
    table = column.class_
    if not traces.plain:
        return
    for number, value in session.execute(select(table.id, column).where(column.is_not(None))).all():
        if (clear := traces.erase_from_value(value)) != value:
            session.execute(update(table).where(table.id == number).values({column: clear}))


def _erase_from_encoded(session: Session, traces: Traces, encoded: Iterable[int]) -> None:
    for number in encoded:
        row = session.get(BounceRow, number, populate_existing=True)
        if row is not None:
            row.raw = traces.erase_encoded(row.raw)
    session.flush()


def _erase_from_groups(session: Session, addresses: Iterable[str]) -> None:
    folded = {name.lower() for name in addresses}
    for group in session.scalars(select(TestGroupRow)):
        lines = group.addresses.split("\n")
        kept = [line for line in lines if line.strip().lower() not in folded]
        if len(kept) != len(lines):
            group.addresses = "\n".join(kept)
    session.flush()


def _keep_as_hash(session: Session, address_key: str, pseudonyms: Pseudonyms) -> None:
    session.execute(delete(SuppressionRow).where(SuppressionRow.address_key == address_key))
    session.add(
        SuppressionRow(
            address_hash=pseudonyms.of(address_key),
            reason=SuppressionReason.ERASED,
            evidence="erased on request",
        )
    )


ERASED = "[erased]"
#: Lines of base64 as in MIME (RFC 2045, 6.8), or one long word.
_ENCODED = re.compile(r"(?:[A-Za-z0-9+/]{60,}[ \t]*\r?\n)*[A-Za-z0-9+/]{12,}={0,2}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """The forms in which one person's addresses can occur in texts of others.

    Attributes:
        plain: The forms in lower case: the address, as in a URL, and as in a return path (VERP),
            ``name=domain``.
    """

    plain: tuple[str, ...]
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, addresses: Iterable[str]) -> Traces:
        """Return the forms of addresses."""
        forms: dict[str, None] = {}
        for address in addresses:
            lower = address.lower()
            local, _, domain = lower.rpartition("@")
            forms |= dict.fromkeys(
                (lower, f"{local}={domain}", quote(lower, safe=""), quote(lower, safe="@"))
            )
        pattern = re.compile("|".join(map(re.escape, forms)), re.IGNORECASE)
        return cls(plain=tuple(forms), pattern=pattern)

    def erase_from(self, text: str) -> str:
        """Return a text without the addresses; case is ignored."""
        return self.pattern.sub(ERASED, text)

    def erase_from_value(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Return a JSON value without the addresses in its texts."""
        match value:
            case str():
                return self.erase_from(value)
            case list():
                return [self.erase_from_value(each) for each in value]
            case dict():
                return {name: self.erase_from_value(each) for name, each in value.items()}
            case _:
                return value

    def erase_encoded(self, text: str) -> str:
        """Return a text without the blocks of base64 that hold one of the addresses."""
        return _ENCODED.sub(self._cleared, text)

    def _cleared(self, match: re.Match[str]) -> str:
        octets = "".join(match[0].split())
        try:
            # A length that is no multiple of four means that the stored text was cut here.
            decoded = base64.b64decode(octets[: len(octets) // 4 * 4])
        except (ValueError, binascii.Error):
            return match[0]
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            if self.pattern.search(decoded.decode(encoding, errors="ignore")):
                return ERASED
        return match[0]
