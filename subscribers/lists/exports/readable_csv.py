"""A newsletter's subscribers as CSV for people: labels instead of codes, and local times.

For other instances, `subscribers.lists.exports.csv_export` writes CSV without losses. Here, options
are shown as labels, and moments without seconds.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Select

from newsletter.database.engine import reading
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import Frequency, SubscriptionState, SuppressionReason
from newsletter.database.words import name_of
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, written
from newsletter.i18n.values import LanguageName, Worded
from newsletter.spreadsheets import defuse
from subscribers.fields.model import Field, FieldValue
from subscribers.fields.reading import written_value
from subscribers.fields.store import list_fields
from subscribers.history_entries import origin_words
from subscribers.lists.exports.exports import ListPage, exported
from subscribers.lists.words.formats import FIELDS
from subscribers.subscription_columns import CHOSEN, LABELS, WITH_CONSENT

#: People per page.
_BATCH = 500
_HEADS: Mapping[str, Worded] = {
    "email": FIELDS["address"],
    "name": LABELS["name"],
    "state": LABELS["state"],
    **{name: LABELS[name] for name in CHOSEN},
    "tags": FIELDS["tags"],
}
_CONSENT_HEADS: Mapping[str, Worded] = {
    **{name: LABELS[name] for name in WITH_CONSENT if name != "state"},
    **{name: FIELDS[name] for name in ("suppressed", "suppressed_at", "suppression_evidence")},
}
_INSTANTS = frozenset(
    {
        "consented_at",
        "confirmed_at",
        "unsubscribed_at",
        "paused_until",
        "suppressed_at",
        "changed_at",
    }
)


def _format(value: str) -> Message:
    return msg("HTML and text") if value == "html" else msg("Text")


#: Labels of values that are not shown unchanged, by column.
_WORDS: Mapping[str, Callable[[Any], Worded]] = {
    "state": lambda value: name_of(SubscriptionState(value)),
    "frequency": lambda value: name_of(Frequency(value)),
    "suppressed": lambda value: name_of(SuppressionReason(value)),
    "format": _format,
    "language": LanguageName,
    "tags": lambda value: written(written_value(list(value))),
    "consent_basis": origin_words,
    "consent_source": origin_words,
}


def readable_pages(
    engine: Engine,
    newsletter: NewsletterRow,
    language: Language,
    *,
    segment: str = "",
    state: SubscriptionState | None = None,
    among: Select[int] | None = None,
    columns: Collection[str] | None = None,
) -> Iterator[ListPage]:
    """Yield a newsletter's subscribers for display in a spreadsheet, headings first.

    Args:
        engine: The database.
        newsletter: The newsletter, whose time zone is used.
        language: The language of headings and labels.
        segment: A query that selects people; empty for everybody.
        state: The state of the subscriptions; None for any.
        among: The ids of people, as a further restriction.
        columns: The columns besides the address, by the names of `subscribers.listing`; None for
            all.

    Raises:
        ListError: The segment is invalid.
    """
    with reading(engine) as session:
        fields = list_fields(session, newsletter.id)
    sheet = _Sheet(language, newsletter.time_zone, fields)
    if columns is not None:
        sheet = sheet.of(columns)
    yield ListPage(_lines([sheet.heads()]), 0)
    people = exported(
        engine, newsletter, segment=segment, state=state, among=among, with_changes=True
    )
    while batch := list(islice(people, _BATCH)):
        yield ListPage(_lines(map(sheet.row, batch)), len(batch))


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(
        [defuse(cell) for cell in row] for row in rows
    )
    return text.getvalue().encode()


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The format of cells: language, time zone and fields."""

    language: Language
    time_zone: str
    fields: Sequence[Field]
    names: Sequence[str] = tuple(_HEADS)
    consents: Sequence[str] = tuple(_CONSENT_HEADS)

    def of(self, columns: Collection[str]) -> _Sheet:
        """Return a format with some of the columns, and the address."""
        return replace(
            self,
            fields=[each for each in self.fields if f"field.{each.key}" in columns],
            names=[name for name in _HEADS if name == "email" or name in columns],
            consents=[name for name in (*_CONSENT_HEADS, "changed_at") if name in columns],
        )

    def heads(self) -> list[str]:
        """Return the headings; those of times name the time zone."""
        heads = {**_CONSENT_HEADS, "changed_at": LABELS["changed_at"]}
        consent = (
            msg("{what} ({zone})", what=heads[name], zone=self.time_zone)
            if name in _INSTANTS
            else heads[name]
            for name in self.consents
        )
        return [
            *(self._text(_HEADS[name]) for name in self.names),
            *(each.label(self.language) for each in self.fields),
            *map(self._text, consent),
        ]

    def row(self, person: Mapping[str, Any]) -> list[str]:
        """Return a person's cells in the order of the headings."""
        known = person["attributes"]
        return [
            *(self._cell(name, person[name]) for name in self.names),
            *(self._field(each, known.get(each.key)) for each in self.fields),
            *(self._cell(name, person[name]) for name in self.consents),
        ]

    def _field(self, field: Field, value: FieldValue | None) -> str:
        if isinstance(value, list):
            return written_value([field.shown(one, self.language) for one in value])
        return field.shown(value, self.language)

    def _cell(self, name: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
        if not value:
            return ""
        if name in _INSTANTS:
            moment = datetime.fromisoformat(value).astimezone(ZoneInfo(self.time_zone))
            return moment.isoformat(sep=" ", timespec="minutes")[:16]
        words = _WORDS.get(name)
        return self._text(words(value)) if words else str(value)

    def _text(self, words: Worded) -> str:
        return words.in_language(self.language)
