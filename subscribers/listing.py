"""The columns of a list of people, which each account chooses, and the order of the list."""

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
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Worded
from subscribers.fields.model import Field, current_values
from subscribers.fields.store import AttributeNumber, AttributeText, Ordered, list_fields
from subscribers.subscription_columns import CHOSEN, LABELS

#: The columns that every newsletter has, by name; the address is always shown before them.
PLAIN_COLUMNS: Mapping[str, Worded] = {
    "name": LABELS["name"],
    "state": msg("State"),
    "confirmed_at": msg("Subscribed since"),
    **{name: LABELS[name] for name in ("consented_at", "unsubscribed_at", "changed_at")},
    "tags": msg("Tags"),
    **{name: LABELS[name] for name in CHOSEN},
}
_INSTANTS = frozenset({"confirmed_at", "consented_at", "unsubscribed_at", "changed_at"})
#: The columns shown to an account that has not chosen any.
USUAL = ("name", "state", "confirmed_at")
#: Prefix of the name of a column that shows a field.
_FIELD = "field."
#: Columns with a partial index, of the rows that have a value.
_INDEXED_PARTLY = frozenset({"changed_at"})
#: Columns with an index, besides addresses and ids.
_INDEXED = frozenset({"name", "confirmed_at", *_INDEXED_PARTLY})
#: A moment before all others, which sorts first.
_FIRST = datetime.min.replace(tzinfo=UTC)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column that a list of people can show.

    Attributes:
        name: The name of a part of the subscription, or ``field.`` with the key of a field.
        label: The heading.
        field: The field; None for columns that every newsletter has.
    """

    name: str
    label: Worded
    field: Field | None = None

    @property
    def is_instant(self) -> bool:
        """Whether its values are moments."""
        return self.name in _INSTANTS

    @property
    def is_sortable(self) -> bool:
        """Whether a list can be sorted by it; columns with several values per person cannot."""
        if self.field is not None:
            return self.field.type is not FieldType.CHOICES
        return self.name == "name" or self.is_instant

    def shown(self, attributes: Mapping[str, Any], language: Language) -> str:
        """Return a person's value of a field, as readable text."""
        if self.field is None:
            return ""
        value = current_values([self.field], attributes).get(self.field.key)
        return self.field.shown(value, language)


def list_columns(session: Session, newsletter_id: int) -> Sequence[Column]:
    """Return all columns that can be shown for a newsletter."""
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
    """Return the columns that an account sees for a newsletter, without deleted fields."""
    row = session.get(PeopleViewRow, (account_id, newsletter_id))
    names = USUAL if row is None else row.columns
    return [column for column in offered if column.name in names]


def choose_columns(
    session: Session, account_id: int, newsletter_id: int, names: Collection[str]
) -> None:
    """Store the columns that an account sees for a newsletter; unknown names are ignored.

    This is not in the audit log, since it changes neither data nor the pages of other accounts.
    """
    offered = list_columns(session, newsletter_id)
    chosen = [column.name for column in offered if column.name in names]
    session.merge(PeopleViewRow(account_id=account_id, newsletter_id=newsletter_id, columns=chosen))


def reset_columns(session: Session, account_id: int, newsletter_id: int) -> None:
    """Show an account the default columns again."""
    row = session.get(PeopleViewRow, (account_id, newsletter_id))
    if row is not None:
        session.delete(row)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListOrder:
    """The order of a list.

    Attributes:
        name: ``address`` or the name of a column; empty for the newest first, or, in a search,
            for the order of the searched column.
    """

    name: str = ""
    descending: bool = False

    @property
    def is_by_date(self) -> bool:
        """Whether the list is sorted by a date."""
        return self.name in _INSTANTS

    @property
    def has_index(self) -> bool:
        """Whether `indexed_stretch` can be used for it."""
        return self.name in _INDEXED

    def __str__(self) -> str:
        """Return the form that `read_order` reads."""
        return "-" * self.descending + self.name


#: The newest people first.
NEWEST = ListOrder()
_ADDRESS = "address"


def read_order(text: str, offered: Sequence[Column]) -> ListOrder:
    """Return the order that a text names, descending after ``-``; `NEWEST` for unknown names."""
    name = text.removeprefix("-")
    if name == _ADDRESS or any(each.name == name and each.is_sortable for each in offered):
        return ListOrder(name=name, descending=text != name)
    return NEWEST


def offered_orders(offered: Sequence[Column]) -> Sequence[tuple[str, Worded]]:
    """Return each order that can be chosen, as `read_order` reads it, with its label."""
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


#: A sort expression, and whether the order is descending.
Key: TypeAlias = tuple[SQLColumnExpression[Any], bool]


def order_keys(order: ListOrder, offered: Sequence[Column]) -> Sequence[Key]:
    """Return the sort keys of a list; the last one is unique, so the order is total.

    People without a value come last in both directions.
    """
    number, down = SubscriptionRow.subscriber_id, order.descending
    if not order.name:
        return [(number, True)]
    if order.name == _ADDRESS:
        return [(SubscriberRow.address_key, down)]
    column = next(each for each in offered if each.name == order.name)
    value, is_missing = _sorted_by(column)
    return [(case((is_missing, 1), else_=0), False), (value, down), (number, down)]


def _sorted_by(column: Column) -> tuple[SQLColumnExpression[Any], ColumnElement[bool]]:
    """Return a column's value with NULL replaced, and the condition that it is NULL."""
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
    """Return the condition of people who come after a person; None if that person was deleted.

    The link to the next page holds only the person's id, since an address must not appear in the
    log of a web server.
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
    # This condition is redundant, but the database can use it to start the index scan here.
    return and_(first <= last[0] if down else first >= last[0], or_(*alternatives))


def indexed_stretch(
    order: ListOrder, *, is_valued: bool, last: SubscriptionRow | None = None
) -> tuple[list[ColumnElement[bool]], Sequence[ColumnElement[Any]]]:
    """Return the condition and the order of the people with a value, or of those without one.

    Each of the two is read in the order of an index; people without a value come last, in both
    directions.

    Args:
        order: An order that has an index.
        is_valued: Whether the people with a value are wanted.
        last: The last person of the previous page, if this person belongs to the wanted ones.
    """
    column, number = getattr(SubscriptionRow, order.name), SubscriptionRow.subscriber_id
    keys = [column, number]
    if order.is_by_date:
        # SQLite starts an index scan at a value, but not at "IS NOT NULL".
        here = [column > literal(_FIRST, column.type) if is_valued else column.is_(None)]
    else:
        here = [column > "" if is_valued else column == ""]
    if not is_valued and order.name in _INDEXED_PARTLY:
        keys = [number]
    if last is not None:
        # People without a value are sorted by id only.
        shown = keys if is_valued else [number]
        after = tuple_(*(literal(getattr(last, key.key), key.type) for key in shown))
        here.append(tuple_(*shown) < after if order.descending else tuple_(*shown) > after)
    return here, [key.desc() if order.descending else key for key in keys]
