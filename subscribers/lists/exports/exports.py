"""Exports as JSON lines, which are exact, and escaping of cells for spreadsheets.

CSV is written by the database (`subscribers.lists.exports.csv_export`).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from itertools import islice
from typing import Any, NamedTuple, TextIO

from sqlalchemy import ColumnElement, Engine, Select, or_, select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.vocabulary import SubscriptionState
from newsletter.i18n.language import Language
from newsletter.spreadsheets import defuse
from subscribers.lists.records import Problem, line_told
from subscribers.segments.compile import segment_clause
from subscribers.subscription_columns import IMPORTED

_PAGE = 5000
#: People per page.
_BATCH = 500
#: The columns after the address, in order; tags are in a table of their own.
COLUMNS = tuple(
    column
    for name in IMPORTED
    if name != "attributes"
    for column in ((name, "tags") if name == "state" else (name,))
)


class ListPage(NamedTuple):
    """Lines of an export, and the number of people in them."""

    octets: bytes
    people: int

    @property
    def text(self) -> str:
        """The lines as text."""
        return self.octets.decode()


def exported(
    engine: Engine,
    newsletter: NewsletterRow,
    *,
    segment: str = "",
    state: SubscriptionState | None = None,
    among: Select[int] | None = None,
    with_changes: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield a newsletter's subscribers in the order of their ids, with one page in memory.

    With ``with_changes``, each also has ``changed_at``, which is not imported.

    Raises:
        ListError: The segment is invalid.
    """
    last = 0
    query = (
        select(SubscriberRow.id, SubscriberRow.address_key, SubscriptionRow.changed_at, *_SELECTED)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(
            SubscriptionRow.newsletter_id == newsletter.id,
            SubscriberRow.address_key.is_not(None),
            segment_clause(segment, newsletter.id, time_zone=newsletter.time_zone),
        )
        .order_by(SubscriberRow.id)
        .limit(_PAGE)
    )
    if state is not None:
        query = query.where(SubscriptionRow.state == state)
    if among is not None:
        query = query.where(SubscriptionRow.subscriber_id.in_(among))
    while True:
        with reading(engine) as session:
            rows = session.execute(query.where(SubscriberRow.id > last)).all()
            if not rows:
                return
            of_page = SubscriberRow.id.between(rows[0].id, rows[-1].id)
            tags = _tags(session, newsletter.id, rows[0].id, rows[-1].id)
            held = _suppressions(session, newsletter.id, of_page)
        last = rows[-1].id
        for number, key, changed_at, *values in rows:
            person = _values(values, tags.get(number, []), held.get(key or ""), newsletter.id)
            yield person | {"changed_at": _instant(changed_at)} if with_changes else person


#: The columns of a person and a subscription, in the order of `_values`.
_SELECTED = (SubscriberRow.address, *(getattr(SubscriptionRow, name) for name in IMPORTED))


def _tags(session: Session, newsletter_id: int, first: int, last: int) -> dict[int, list[str]]:
    """Return the tags of the people between two ids, by id."""
    tags: dict[int, list[str]] = {}
    for number, tag in session.execute(
        select(TagRow.subscriber_id, TagRow.tag)
        .where(TagRow.newsletter_id == newsletter_id, TagRow.subscriber_id.between(first, last))
        .order_by(TagRow.tag)
    ):
        tags.setdefault(number, []).append(tag)
    return tags


def _suppressions(
    session: Session, newsletter_id: int, of_page: ColumnElement[bool]
) -> dict[str, SuppressionRow]:
    """Return the suppressions of people by address, preferring the newsletter's own ones."""
    suppressions = session.scalars(
        select(SuppressionRow)
        .join(SubscriberRow, SubscriberRow.address_key == SuppressionRow.address_key)
        .where(
            of_page,
            or_(
                SuppressionRow.newsletter_id.is_(None),
                SuppressionRow.newsletter_id == newsletter_id,
            ),
        )
        .order_by(SuppressionRow.newsletter_id.is_not(None))
    )
    return {row.address_key: row for row in suppressions if row.address_key}


def _values(
    values: Sequence[Any], tags: list[str], held: SuppressionRow | None, newsletter_id: int
) -> dict[str, Any]:
    address, *rest = values
    found = {"tags": tags} | dict(zip(IMPORTED, map(_exported, rest), strict=True))
    person = {"email": address} | {name: found[name] for name in COLUMNS}
    person["suppressed"] = person["suppressed_at"] = person["suppression_evidence"] = None
    if held is not None:
        person["suppressed"] = held.reason.value
        person["suppressed_at"] = _instant(held.created_at)
        # The reason for a suppression in all newsletters may be confidential to another one.
        if held.newsletter_id == newsletter_id:
            person["suppression_evidence"] = held.evidence
    person["attributes"] = found["attributes"]
    return person


def _exported(value: Any) -> Any:  # noqa: ANN401 - the value of any column
    if isinstance(value, datetime):
        return _instant(value)
    return value.value if isinstance(value, Enum) else value


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def json_pages(people: Iterable[Mapping[str, Any]]) -> Iterator[ListPage]:
    """Yield JSON lines with one object per person, which can be imported exactly."""
    rest = iter(people)
    while batch := list(islice(rest, _BATCH)):
        lines = [json.dumps(person, ensure_ascii=False) + "\n" for person in batch]
        yield ListPage("".join(lines).encode(), len(batch))


def problem_writer(stream: TextIO, language: Language) -> Callable[[Problem], None]:
    """Return a function that appends problems of an import to a CSV file, with a header first."""
    rows = csv.writer(stream)
    if stream.tell() == 0:
        rows.writerow(["line", "field", "value", "problem"])

    def write(found: Problem) -> None:
        problem = defuse(found.problem.in_language(language))
        rows.writerow([line_told(found.line), found.field, defuse(found.value), problem])

    return write
