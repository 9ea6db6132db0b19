"""Compiling segments to SQL: one condition on a subscription, for SQLite and PostgreSQL alike.

Every leaf of the condition is true or false and never NULL, so that ``not`` works for everybody.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Float,
    String,
    and_,
    case,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from newsletter.database.folding import fold_text, folded_for
from newsletter.database.tables import (
    BounceRow,
    ConsentRow,
    DeliveryRow,
    MailingRow,
    SubscriberRow,
    SubscriptionRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import BounceKind, ConsentStep, DeliveryState
from subscribers.fields.store import (
    AttributeNumber,
    AttributeText,
    AttributeType,
    Ordered,
    Position,
    has_option,
    has_value,
)
from subscribers.joining import BASIS, BY_COMMAND, BY_HAND, BY_MAIL, OWN_PAGE
from subscribers.segments.model import (
    And,
    BuiltIn,
    Comparison,
    ConsentWay,
    CustomField,
    DaysAgo,
    Happened,
    MailEvent,
    Membership,
    Not,
    Operator,
    Or,
    Presence,
    Query,
    QueryValue,
)
from subscribers.segments.parse import parse_query

_COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Context:
    newsletter_id: int
    zone: ZoneInfo
    moment: datetime

    def day(self, value: date | DaysAgo) -> date:
        if isinstance(value, DaysAgo):
            return self.moment.astimezone(self.zone).date() - timedelta(days=value.days)
        return value

    def start(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=self.zone)


def segment_clause(
    text: str, newsletter_id: int, *, time_zone: str = "Asia/Tokyo"
) -> ColumnElement[bool]:
    """Compile a segment to a condition for a query of ``SubscriberRow`` and ``SubscriptionRow``.

    Args:
        text: The segment; a blank text means everybody.
        newsletter_id: The newsletter whose subscriptions and mailings are meant.
        time_zone: The newsletter's time zone, which determines the beginning of days.

    Raises:
        ListError: The text is not a valid segment.
    """
    if not text.strip():
        return literal(value=True)
    context = _Context(newsletter_id=newsletter_id, zone=ZoneInfo(time_zone), moment=now())
    return _clause(parse_query(text), context)


def _clause(query: Query, context: _Context) -> ColumnElement[bool]:  # noqa: PLR0911 - one a case
    match query:
        case And(parts=parts):
            return and_(*(_clause(part, context) for part in parts))
        case Or(parts=parts):
            return or_(*(_clause(part, context) for part in parts))
        case Not(part=part):
            return not_(_clause(part, context))
        case Comparison(field=field, operator=Operator.UNEQUAL, value=value):
            return not_(_compared(field, Operator.EQUAL, value, context))
        case Comparison(field=field, operator=sign, value=value):
            return _compared(field, sign, value, context)
        case Membership(field=BuiltIn.TAG, values=values):
            return _tagged(values, context)
        case Membership(field=field, values=values):
            return or_(*(_compared(field, Operator.EQUAL, value, context) for value in values))
        case Presence(field=field):
            return has_value(field.key)
        case Happened(event=event, number=number):
            return _happened(event, number, context)
        case _:
            assert_never(query)


def _sure(condition: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.coalesce(condition, false(), type_=Boolean())


def _compared(  # noqa: C901, PLR0911 - one a case
    field: BuiltIn | CustomField, sign: Operator, value: QueryValue, context: _Context
) -> ColumnElement[bool]:
    match field:
        case CustomField():
            return _custom(field, sign, value, context)
        case BuiltIn.TAG:
            return _tagged((value,), context)
        case BuiltIn.JOINED | BuiltIn.CONFIRMED:
            assert isinstance(value, date | DaysAgo)  # noqa: S101 - the parser guarantees it
            return _subscribed(field, sign, context.day(value), context)
        case BuiltIn.CONSENT:
            return _consented_by(ConsentWay(str(value).lower()), context)
        case BuiltIn.CONSENT_BASIS:
            return _text(SubscriptionRow.consent_basis, sign, str(value))
        case BuiltIn.CONSENT_WORDING:
            return _text(SubscriptionRow.consent_wording, sign, str(value))
        case BuiltIn.FREQUENCY:
            return _text(SubscriptionRow.frequency.cast(String), sign, str(value).lower())
        case BuiltIn.NAME:
            return _text(SubscriptionRow.name, sign, str(value))
        case BuiltIn.DOMAIN:
            return _text(SubscriberRow.domain, sign, str(value).lower())
        case BuiltIn.LANGUAGE:
            return _language(sign, str(value).lower())
        case _:
            assert_never(field)


def _tagged(tags: Sequence[QueryValue], context: _Context) -> ColumnElement[bool]:
    """Return a condition on having one of some tags, in one subquery: many take long to plan."""
    return (
        select(TagRow.tag)
        .where(
            TagRow.newsletter_id == context.newsletter_id,
            TagRow.subscriber_id == SubscriptionRow.subscriber_id,
            TagRow.tag.in_(map(str, tags)),
        )
        .correlate(SubscriptionRow)
        .exists()
    )


def _consented_by(way: ConsentWay, context: _Context) -> ColumnElement[bool]:
    """Return a condition on the way of the current consent, as recorded."""
    asked = (
        select(ConsentRow.source)
        .where(
            ConsentRow.newsletter_id == context.newsletter_id,
            ConsentRow.subscriber_id == SubscriptionRow.subscriber_id,
            ConsentRow.step == ConsentStep.REQUESTED,
        )
        .order_by(ConsentRow.id.desc())
        .limit(1)
        .correlate(SubscriptionRow)
        .scalar_subquery()
    )
    confirmed = SubscriptionRow.consent_basis == BASIS
    on_page = SubscriptionRow.consent_basis == OWN_PAGE
    own = or_(confirmed, on_page)
    by_staff = SubscriptionRow.consent_source.in_((BY_HAND, BY_COMMAND))
    match way:
        case ConsentWay.PAGE:
            return _sure(on_page)
        case ConsentWay.MAIL:
            return _sure(and_(confirmed, asked.startswith(BY_MAIL, autoescape=True)))
        case ConsentWay.FORM:
            by_mail = func.coalesce(asked.startswith(BY_MAIL, autoescape=True), false())
            return _sure(and_(confirmed, ~by_mail))
        case ConsentWay.STAFF:
            return _sure(and_(~own, by_staff))
        case ConsentWay.LIST:
            return _sure(and_(~own, ~by_staff))


def _language(sign: Operator, value: str) -> ColumnElement[bool]:
    """Return a condition on the language; ``en`` also matches ``en-US`` (RFC 4647)."""
    column = func.lower(SubscriptionRow.language)
    same = _text(column, sign, value)
    if sign is not Operator.EQUAL:
        return same
    return or_(same, _text(column, Operator.STARTS, f"{value}-"))


def _text(
    column: ColumnElement[Any] | InstrumentedAttribute[str], sign: Operator, value: str
) -> ColumnElement[bool]:
    # Parts are compared in folded form, as in a search; whole values are compared exactly.
    part = fold_text(value)
    folded = folded_for(column, part)
    match sign:
        case Operator.CONTAINS:
            return Position(folded, literal(part)) > 0
        case Operator.STARTS:
            return func.substr(folded, 1, len(part)) == literal(part)
        case Operator.ENDS:
            first = func.length(folded) - len(part) + 1
            return and_(first > 0, func.substr(folded, first) == literal(part))
        case _:
            # With a literal, the column type of an enum does not reject text outside of the enum.
            return _sure(column == literal(value))


def _custom(
    field: CustomField, sign: Operator, value: QueryValue, context: _Context
) -> ColumnElement[bool]:
    name = literal(field.key)
    kind = AttributeType(SubscriptionRow.attributes, name)
    text = AttributeText(SubscriptionRow.attributes, name)
    match value:
        case bool():
            return _sure(and_(kind == "boolean", text == ("true" if value else "false")))
        case str() if sign is Operator.EQUAL:
            # For a field with several options, the chosen ones must include this one.
            return has_option(field.key, value)
        case str():
            return and_(_sure(kind == "string"), _text(text, sign, value))
        case Decimal():
            number = AttributeNumber(SubscriptionRow.attributes, name)
            return _sure(_COMPARE[sign](number, literal(float(value), Float())))
        case date() | DaysAgo():
            # A date is text of the form 2026-01-31; the time in a timestamp is ignored.
            day = Ordered(func.substr(text, 1, 10))
            dated = and_(kind == "string", text.like("____-__-__%"))
            compared = _COMPARE[sign](day, literal(context.day(value).isoformat()))
            return _sure(case((dated, compared), else_=false()))
        case _:
            assert_never(value)


def _subscribed(
    field: BuiltIn, sign: Operator, day: date, context: _Context
) -> ColumnElement[bool]:
    relation = aliased(SubscriptionRow)
    column = relation.consented_at if field is BuiltIn.JOINED else relation.confirmed_at
    begin, end = context.start(day), context.start(day + timedelta(days=1))
    within: ColumnElement[bool]
    match sign:
        case Operator.LESS:
            within = column < begin
        case Operator.AT_MOST:
            within = column < end
        case Operator.MORE:
            within = column >= end
        case Operator.AT_LEAST:
            within = column >= begin
        case _:
            within = and_(column >= begin, column < end)
    return (
        select(relation.subscriber_id)
        .where(
            relation.newsletter_id == context.newsletter_id,
            relation.subscriber_id == SubscriberRow.id,
            within,
        )
        .correlate(SubscriberRow)
        .exists()
    )


def _happened(event: MailEvent, number: int, context: _Context) -> ColumnElement[bool]:
    if event is MailEvent.BOUNCED:
        return (
            select(BounceRow.id)
            .where(
                BounceRow.subscriber_id == SubscriberRow.id,
                BounceRow.newsletter_id == context.newsletter_id,
                BounceRow.proven,
                BounceRow.kind.in_([BounceKind.HARD, BounceKind.SOFT]),
                BounceRow.occurred_at >= context.moment - timedelta(days=number),
            )
            .correlate(SubscriberRow)
            .exists()
        )
    delivery, mailing = aliased(DeliveryRow), aliased(MailingRow)
    which = (
        mailing.id == number
        if event is MailEvent.RECEIVED
        else delivery.settled_at >= context.moment - timedelta(days=number)
    )
    return (
        select(delivery.position)
        .join(mailing, mailing.id == delivery.mailing_id)
        .where(
            delivery.subscriber_id == SubscriberRow.id,
            delivery.state == DeliveryState.ACCEPTED,
            mailing.newsletter_id == context.newsletter_id,
            which,
        )
        .correlate(SubscriberRow)
        .exists()
    )
