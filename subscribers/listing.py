"""What a list of people shows, as each of the staff chose it, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from newsletter.database.tables import PeopleViewRow, SubscriberRow, SubscriptionRow
from newsletter.database.types import UtcDateTime
from newsletter.database.vocabulary import FieldType
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, pmsg
from newsletter.i18n.values import Worded
from subscribers.fields.json_access import AttributeNumber, AttributeText, Ordered
from subscribers.fields.model import Field, current_values
from subscribers.fields.store import list_fields

#: The columns of every newsletter, by their names; the address is always shown before them.
PLAIN_COLUMNS: Mapping[str, Worded] = {
    "name": msg("Name"),
    "state": msg("State"),
    "confirmed_at": msg("Subscribed since"),
    "consented_at": msg("When they consented"),
    "unsubscribed_at": msg("When they unsubscribed"),
    "changed_at": msg("Last change"),
    "tags": msg("Tags"),
    "language": msg("Language"),
    "time_zone": msg("Time zone"),
    "format": msg("Form of the mail"),
    "frequency": pmsg("reader", "How often"),
}
_INSTANTS = frozenset({"confirmed_at", "consented_at", "unsubscribed_at", "changed_at"})
#: What is shown to whoever has chosen nothing.
USUAL = ("name", "state", "confirmed_at")
#: Begins the name of a column that is a field.
_FIELD = "field."
#: In whose index stands whoever has a value, and nobody else.
_INDEXED_PARTLY = frozenset({"changed_at"})
#: What an index has, besides addresses and numbers.
_INDEXED = frozenset({"name", "confirmed_at", *_INDEXED_PARTLY})
#: Before every date.
_FIRST = datetime.min.replace(tzinfo=UTC)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One thing that a list can show of each person.

    Attributes:
        name: Of a part of the subscription, or ``field.`` with the key of a field.
        label: What people call it.
        field: Which field it is; None for what every newsletter has.
    """

    name: str
    label: Worded
    field: Field | None = None

    @property
    def is_instant(self) -> bool:
        """Whether it holds a moment."""
        return self.name in _INSTANTS

    @property
    def is_sortable(self) -> bool:
        """Whether a list can be in its order: several values of one person have none."""
        if self.field is not None:
            return self.field.type is not FieldType.CHOICES
        return self.name == "name" or self.is_instant

    def shown(self, attributes: Mapping[str, Any], language: Language) -> str:
        """Return what somebody's attributes hold of a field, as people read it."""
        if self.field is None:
            return ""
        value = current_values([self.field], attributes).get(self.field.key)
        return self.field.shown(value, language)


def list_columns(session: Session, newsletter_id: int) -> Sequence[Column]:
    """Return all that can be shown of a newsletter's people."""
    return [
        *(Column(name=name, label=label) for name, label in PLAIN_COLUMNS.items()),
        *(
            Column(name=_FIELD + field.key, label=field.named, field=field)
            for field in list_fields(session, newsletter_id)
        ),
    ]


def chosen_columns(
    session: Session, account_id: int, newsletter_id: int, offered: Sequence[Column]
) -> Sequence[Column]:
    """Return what one of the staff sees of a newsletter's people, without fields that are gone."""
    row = session.get(PeopleViewRow, (account_id, newsletter_id))
    names = USUAL if row is None else row.columns
    return [column for column in offered if column.name in names]


def choose_columns(
    session: Session, account_id: int, newsletter_id: int, names: Collection[str]
) -> None:
    """Keep which columns one of the staff sees of a newsletter's people; unknown names are none.

    It changes no data and nobody else's page, so the audit log has nothing of it.
    """
    offered = list_columns(session, newsletter_id)
    chosen = [column.name for column in offered if column.name in names]
    session.merge(PeopleViewRow(account_id=account_id, newsletter_id=newsletter_id, columns=chosen))


def reset_columns(session: Session, account_id: int, newsletter_id: int) -> None:
    """Show one of the staff the usual columns again."""
    row = session.get(PeopleViewRow, (account_id, newsletter_id))
    if row is not None:
        session.delete(row)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListOrder:
    """In which order a list is.

    Attributes:
        name: ``address`` or the name of a column; empty for the newest first, or for the order of
            what was searched for.
    """

    name: str = ""
    descending: bool = False

    @property
    def is_by_date(self) -> bool:
        """Whether it is one of dates."""
        return self.name in _INSTANTS

    @property
    def has_index(self) -> bool:
        """Whether `indexed_stretch` has it."""
        return self.name in _INDEXED

    def __str__(self) -> str:
        """Return it as `read_order` reads it."""
        return "-" * self.descending + self.name


#: The newest first.
NEWEST = ListOrder()
_ADDRESS = "address"


def read_order(text: str, offered: Sequence[Column]) -> ListOrder:
    """Return the order that a text names, descending after ``-``; what is none is the newest."""
    name = text.removeprefix("-")
    if name == _ADDRESS or any(each.name == name and each.is_sortable for each in offered):
        return ListOrder(name=name, descending=text != name)
    return NEWEST


def offered_orders(offered: Sequence[Column]) -> Sequence[tuple[str, Worded]]:
    """Return each order that can be chosen, as `read_order` reads it, with what people call it."""
    orders: list[tuple[str, Worded]] = [
        ("", msg("Newest first")),
        (_ADDRESS, msg("Address")),
        (f"-{_ADDRESS}", msg("{column}, in reverse", column=msg("Address"))),
    ]
    for each in offered:
        if each.is_instant:
            orders += [
                (f"-{each.name}", msg("{column}, latest first", column=each.label)),
                (each.name, msg("{column}, earliest first", column=each.label)),
            ]
        elif each.is_sortable:
            orders += [
                (each.name, each.label),
                (f"-{each.name}", msg("{column}, in reverse", column=each.label)),
            ]
    return orders


#: What a list is sorted by, and whether downwards.
Key: TypeAlias = tuple[SQLColumnExpression[Any], bool]


def order_keys(order: ListOrder, offered: Sequence[Column]) -> Sequence[Key]:
    """Return by what a list is sorted, and whether downwards: the last tells any two apart.

    Whoever has no value comes last in both directions.
    """
    number, down = SubscriptionRow.subscriber_id, order.descending
    if not order.name:
        return [(number, True)]
    if order.name == _ADDRESS:
        return [(SubscriberRow.address_key, down), (number, down)]
    column = next(each for each in offered if each.name == order.name)
    value, is_missing = _sorted_by(column)
    return [(case((is_missing, 1), else_=0), False), (value, down), (number, down)]


def _sorted_by(column: Column) -> tuple[SQLColumnExpression[Any], ColumnElement[bool]]:
    """Return a value that is never NULL, and whether it is missing."""
    if column.field is not None:
        key = literal(column.field.key)
        if column.field.type is FieldType.NUMBER:
            number = AttributeNumber(SubscriptionRow.attributes, key)
            return func.coalesce(number, 0.0), number.is_(None)
        text = AttributeText(SubscriptionRow.attributes, key)
        return Ordered(func.coalesce(text, "")), text.is_(None)
    if column.is_instant:
        moment = getattr(SubscriptionRow, column.name)
        return func.coalesce(moment, literal(_LONG_AGO, UtcDateTime())), moment.is_(None)
    return SubscriptionRow.name, SubscriptionRow.name == ""


def goes_on_after(
    session: Session, newsletter_id: int, keys: Sequence[Key], after: int
) -> ColumnElement[bool] | None:
    """Return the condition that somebody comes after a person; None if that person is gone.

    The link of a page holds the person's number alone: an address is not for a server's log.
    """
    last = session.execute(
        select(*(key for key, _ in keys))
        .select_from(SubscriptionRow)
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id, SubscriptionRow.subscriber_id == after
        )
    ).one_or_none()
    if last is None or last[-1] is None:
        return None
    alternatives = []
    for place, (key, down) in enumerate(keys):
        same = [earlier == last[nr] for nr, (earlier, _) in enumerate(keys[:place])]
        alternatives.append(and_(*same, key < last[place] if down else key > last[place]))
    first, down = keys[0]
    # Alone, it lets an index begin where the page does.
    return and_(first <= last[0] if down else first >= last[0], or_(*alternatives))


def indexed_stretch(
    order: ListOrder, *, is_valued: bool, last: SubscriptionRow | None = None
) -> tuple[list[ColumnElement[bool]], Sequence[ColumnElement[Any]]]:
    """Return the condition and the order of those who have a value, or of those who have none.

    Each by itself is read along an index; who has none comes last, in both directions.

    Args:
        order: One that has an index.
        is_valued: Which of the two.
        last: Whoever the page goes on after, where they are among these.
    """
    column, number = getattr(SubscriptionRow, order.name), SubscriptionRow.subscriber_id
    keys = [column, number]
    if order.is_by_date:
        # SQLite begins at a value, and not at whatever is there.
        here = [column > literal(_FIRST, column.type) if is_valued else column.is_(None)]
    else:
        here = [column > "" if is_valued else column == ""]
    if not is_valued and order.name in _INDEXED_PARTLY:
        keys = [number]
    if last is not None:
        # Of those who have none, the number alone tells who comes next.
        shown = keys if is_valued else [number]
        after = tuple_(*(literal(getattr(last, key.key), key.type) for key in shown))
        here.append(tuple_(*shown) < after if order.descending else tuple_(*shown) > after)
    return here, [key.desc() if order.descending else key for key in keys]
