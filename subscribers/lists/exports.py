"""Lists out: streamed, and harmless when a spreadsheet opens them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, TextIO

from sqlalchemy import Engine, or_, select
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
from subscribers.lists.columns import Problem
from subscribers.segments.compile import segment_clause

_PAGE = 2000
#: OWASP, CSV injection: what begins like this is a formula to some spreadsheet. An apostrophe
#: before one would be taken for ours when the list comes back.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
#: What is between tags, or would be read as their quotes.
_TAG_SIGNS = re.compile(r'[,、;，；"]')
_INSTANTS = ("consented_at", "confirmed_at", "unsubscribed_at", "paused_until")
_COLUMNS = (
    *("email", "name", "language", "time_zone", "format", "state", "tags", "consent_basis"),
    *("consent_source", "consent_wording", *_INSTANTS, "suppressed", "suppressed_at"),
    *("suppression_evidence", "attributes"),
)


def exported(
    engine: Engine,
    newsletter: NewsletterRow,
    *,
    segment: str = "",
    state: SubscriptionState | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield a newsletter's subscribers in order of their number, a page in memory at a time.

    Raises:
        ListError: The segment is none.
    """
    last = 0
    query = (
        select(SubscriberRow, SubscriptionRow)
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
    while True:
        with reading(engine) as session:
            rows = session.execute(query.where(SubscriberRow.id > last)).all()
            tags: dict[int, list[str]] = {}
            ids = [person.id for person, _ in rows]
            held = _suppressions(session, newsletter.id, [person.address_key for person, _ in rows])
            for number, tag in session.execute(
                select(TagRow.subscriber_id, TagRow.tag)
                .where(TagRow.newsletter_id == newsletter.id, TagRow.subscriber_id.in_(ids))
                .order_by(TagRow.tag)
            ):
                tags.setdefault(number, []).append(tag)
        if not rows:
            return
        last = ids[-1]
        for person, relation in rows:
            key = person.address_key or ""
            yield _values(person, relation, tags.get(person.id, []), held.get(key))


def _suppressions(
    session: Session, newsletter_id: int, keys: Iterable[str | None]
) -> dict[str, SuppressionRow]:
    """Return what keeps mail from people, by their addresses; the newsletter's own before all's."""
    found = session.scalars(
        select(SuppressionRow)
        .where(
            SuppressionRow.address_key.in_([key for key in keys if key]),
            or_(
                SuppressionRow.newsletter_id.is_(None),
                SuppressionRow.newsletter_id == newsletter_id,
            ),
        )
        .order_by(SuppressionRow.newsletter_id.is_not(None))
    )
    return {row.address_key: row for row in found if row.address_key}


def _values(
    person: SubscriberRow,
    relation: SubscriptionRow,
    tags: list[str],
    held: SuppressionRow | None,
) -> dict[str, Any]:
    # Why all newsletters leave an address alone may be another's to know.
    own = held is not None and held.newsletter_id is not None
    return {
        "email": person.address,
        "name": relation.name,
        "language": relation.language,
        "time_zone": relation.time_zone,
        "format": relation.format,
        "state": relation.state.value,
        "tags": tags,
        "consent_basis": relation.consent_basis,
        "consent_source": relation.consent_source,
        "consent_wording": relation.consent_wording,
        **{name: _instant(getattr(relation, name)) for name in _INSTANTS},
        "suppressed": held.reason.value if held else None,
        "suppressed_at": _instant(held.created_at) if held else None,
        "suppression_evidence": held.evidence if held and own else None,
        "attributes": relation.attributes,
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def write_csv(people: Iterator[dict[str, Any]], stream: TextIO) -> int:
    """Write what `csv_lines` yields; return the number of people."""
    count = -1
    for count, line in enumerate(csv_lines(people)):  # noqa: B007 - the last one is the answer
        stream.write(line)
    return count


def csv_lines(people: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield lines of CSV (RFC 4180), the header first, with formulas defused by an apostrophe."""
    line = io.StringIO()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    yield line.getvalue()
    for person in people:
        shown = person | {
            "tags": ", ".join(map(_quoted_tag, person["tags"])),
            "attributes": json.dumps(person["attributes"], ensure_ascii=False),
        }
        line.seek(0)
        line.truncate()
        writer.writerow([defuse(str(shown[name] or "")) for name in _COLUMNS])
        yield line.getvalue()


def _quoted_tag(tag: str) -> str:
    doubled = tag.replace('"', '""')
    return f'"{doubled}"' if _TAG_SIGNS.search(tag) else tag


def write_json_lines(people: Iterator[dict[str, Any]], stream: TextIO) -> int:
    """Write an object a line, which ``import`` reads back; return the number of people."""
    count = 0
    for count, person in enumerate(people, start=1):  # noqa: B007 - the last one is the answer
        stream.write(json.dumps(person, ensure_ascii=False) + "\n")
    return count


def defuse(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def problem_writer(stream: TextIO, language: Language) -> Callable[[Problem], None]:
    """Return what appends an import's problems to a CSV file, its header first when it is empty."""
    rows = csv.writer(stream)
    if stream.tell() == 0:
        rows.writerow(["line", "field", "value", "problem"])
    return lambda found: rows.writerow(
        [found.line, found.field, defuse(found.value), defuse(found.problem.in_language(language))]
    )
