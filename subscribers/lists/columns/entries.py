"""Interpretation of one record of a list, value by value."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from newsletter.addresses import Address, parse_address
from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState, SuppressionReason
from newsletter.errors import ListError
from newsletter.i18n.language import read_language
from newsletter.i18n.messages import msg
from newsletter.spreadsheets import restore
from subscribers.fields.inference import is_telephone
from subscribers.fields.model import Field, field_named
from subscribers.fields.reading import read_value
from subscribers.frequency import read_frequency_word
from subscribers.lists.columns.columns import ListForm
from subscribers.lists.columns.outcomes import (
    ANSWERS,
    STATES,
    Row,
    find_mark,
    heed_cells_beyond,
    lacks_confirming,
    outcome_of,
)
from subscribers.lists.parsers.column_guesses import FIELD, SHARED
from subscribers.lists.parsers.json_lines import HalfCharacterError, read_json, read_object
from subscribers.lists.records import Problem, Record, RefusedError, shown
from subscribers.lists.words.cell_words import read_reason
from subscribers.lists.words.dates import read_instant
from subscribers.lists.words.formats import IGNORED, ListState, fold
from subscribers.lists.words.harmless import is_blank
from subscribers.lists.words.noes import MARKS, is_false
from subscribers.people import LONGEST_BASIS, NOT_A_TAG, clean_name, is_tag, is_time_zone

TEXT_LENGTH = 10_000
#: A tag in quotation marks, doubled within it, or up to a comma of any script.
_TAGS = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:[,、;，；]|\Z)|([^,、;，；]+)')
PLAIN_TEXT = frozenset({"text", "plain", "plaintext", "テキスト"})
#: Suffixes of names on address labels, which are not part of names.
ADDED = ("様", "御中")
_ADDED = re.compile(rf" *(?:{'|'.join(ADDED)})\Z")
_WITHOUT_ZERO = re.compile(r"[1-9]\d{8,9}|[1-9]\d{0,3}-\d{1,4}-\d{4}")
_FAMILY_FIRST = ("ja", "zh", "ko", "hu", "vi")
#: Columns that identify a person and contain no preferences.
_WHO = frozenset({"address", "name"})
#: A commented-out address: "#a@example.jp" unsubscribed and is only kept for reference.
_COMMENTED_OUT = re.compile(r"\s*(?:#|//)")
_OUT = msg("The address is commented out by the sign before it.")
_SUPPRESSING = {
    ListState.BOUNCED: SuppressionReason.HARD_BOUNCE,
    ListState.COMPLAINED: SuppressionReason.COMPLAINT,
    ListState.SUPPRESSED: SuppressionReason.MANUAL,
}


#: Replacement of an entry that would mean no in other columns.
_MARK = "✓"
#: Size of the cache of a column's parsed values, such as languages and tags, which are repeated.
_CACHED = 8192
read_tag = lru_cache(maxsize=_CACHED)(read_language)


class Consent(NamedTuple):
    """A person's consent according to the list; empty if the import's terms apply."""

    basis: str = ""
    source: str = ""
    wording: str = ""
    consented_at: datetime | None = None
    confirmed_at: datetime | None = None


_CONSENT = frozenset(
    {"consent_basis", "consent_source", "consent_wording", "consented_at", "confirmed_at"}
)
_NO_CONSENT = Consent()


class Suppressed(NamedTuple):
    """Why a person on the list gets no mail."""

    reason: SuppressionReason
    evidence: str
    since: datetime | None


class ListEntry(NamedTuple):
    """One interpreted record; a tuple, since a million of these are created three times faster.

    Attributes:
        language: A BCP 47 tag; empty for that of the newsletter.
        notes: Oddities of an accepted record.
    """

    line: int
    address: Address
    name: str
    language: str
    attributes: dict[str, Any]
    time_zone: str = ""
    format: str = ""
    frequency: str = ""
    tags: tuple[str, ...] = ()
    consent: Consent = _NO_CONSENT
    state: SubscriptionState = SubscriptionState.CONFIRMED
    unsubscribed_at: datetime | None = None
    paused_until: datetime | None = None
    suppressed: Suppressed | None = None
    notes: tuple[Problem, ...] = ()


def entry_of(record: Record, form: ListForm, zone: ZoneInfo) -> ListEntry:
    """Return the interpreted record; ``zone`` is the time zone of moments without offset.

    Raises:
        RefusedError: A value is invalid; the problem names it.
    """
    values, attributes = _values(record, form)
    given = str(values.get("address", ""))
    is_own = form.known is not None and form.known.own
    if _COMMENTED_OUT.match(given) and not is_own:
        raise RefusedError(
            Problem(line=record.line, field="address", value=shown(given), problem=_OUT)
        )
    # The apostrophe before text in spreadsheets, copied with it; ours is removed with the cells.
    has_sign = given.startswith("'") and not is_own
    try:
        address = parse_address(given.lstrip("'") if has_sign else given)
    except ListError as error:
        raise RefusedError(
            Problem(line=record.line, field="address", value=shown(given), problem=error.whole)
        ) from None
    marked = find_mark(record, form) if form.marks else None
    has_state = not form.fields.keys().isdisjoint(ANSWERS)
    mended = address.warnings or address.name or has_sign
    odd = mended or has_state or marked or form.has_states or record.beyond
    is_odd = bool(odd) or lacks_confirming(values, form)
    if not (attributes or is_odd) and values.keys() <= _WHO:
        # Fast path, since most lists contain little more than addresses and names.
        return ListEntry(record.line, address, list_name(str(values.get("name", "")), form), "", {})
    row = Row(record, values, form.zone(zone), [])
    if has_sign:
        row.note("address", msg("An apostrophe before the address was removed."))
    for warning in address.warnings:
        row.note("address", warning)
    if record.beyond:
        heed_cells_beyond(row)
        row.note(
            "", msg("The row has more cells than the header; these are not used."), record.beyond
        )
    attributes = _field_values(row, form, attributes) if attributes else attributes
    outcome = outcome_of(row, form, marked)
    language = _language(row)
    suppressed = _suppressed(row, outcome)
    state = STATES.get(outcome, SubscriptionState.UNSUBSCRIBED)
    left_at = None
    if state is SubscriptionState.UNSUBSCRIBED:
        left_at = _instant(row, "unsubscribed_at") or _instant(row, "deleted_at")
        left_at = left_at or (suppressed.since if suppressed else None)
    return ListEntry(
        line=record.line,
        address=address,
        name=list_name(_name(row, language) or address.name, form),
        language=language,
        attributes=attributes,
        time_zone=_time_zone(row) if "time_zone" in values else "",
        format="text" if "format" in values and fold(row.text("format")) in PLAIN_TEXT else "",
        frequency=_frequency(row) if "frequency" in values else "",
        tags=_tags(row) if "tags" in values else (),
        consent=_consent(row) if not _CONSENT.isdisjoint(values) else _NO_CONSENT,
        state=state,
        unsubscribed_at=left_at,
        paused_until=_instant(row, "paused_until", ahead=True)
        if "paused_until" in values
        else None,
        suppressed=suppressed,
        notes=tuple(row.notes),
    )


def _values(record: Record, form: ListForm) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a record's values by mapping, and its attributes; blank values are left out."""
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    values, defused = record.values, form.defused
    for name, ours, key in form.kept:
        value = values.get(name)
        if isinstance(value, str):
            value = _text_of(record, name, value, defused=defused)
            value = value if key else value.strip()
        if value is None or value == "":
            continue
        if name in form.marked and is_false(value) and not is_blank(str(value)):
            value = _MARK
        if key:
            attributes[key] = value
        elif ours in SHARED:
            attributes |= _take(record, fields, name, ours, value)
        else:
            fields[ours] = value
    _take_inner(record, form, fields, attributes)
    return fields, attributes


def _text_of(record: Record, name: str, value: str, *, defused: bool) -> str:
    if "\0" in value:
        # PostgreSQL cannot store NUL in texts.
        problem = msg("The value contains a control character.")
        raise RefusedError(
            Problem(line=record.line, field=name, value=shown(value), problem=problem)
        )
    return restore(value) if defused else value


def _take_inner(
    record: Record, form: ListForm, fields: dict[str, Any], attributes: dict[str, Any]
) -> None:
    """Move the values of chosen keys within objects from the attributes to the fields."""
    for name, (head, key) in form.inner.items():
        ours = form.columns.get(name, IGNORED)
        value = read_object(record.values.get(head)).get(key)
        if ours == IGNORED or ours.startswith(FIELD):
            continue
        attributes.pop(key, None)
        if value is not None and value != "":
            _take(record, fields, name, ours, value)


def _take(
    record: Record, fields: dict[str, Any], name: str, ours: str, value: object
) -> dict[str, Any]:
    """Add a value to a field that other columns may have filled; return attributes within it."""
    if ours == "attributes":
        return _attributes(record, name, value)
    if ours == "tags" and ours in fields:
        fields[ours] = [*_split_tags(fields[ours]), *_split_tags(value)]
    elif ours in MARKS and is_false(fields.get(ours, "")):
        fields[ours] = value
    elif ours in ANSWERS:
        fields.setdefault(ANSWERS[ours], []).append(value)
    fields.setdefault(ours, value)
    return {}


def _attributes(record: Record, name: str, value: object) -> dict[str, Any]:
    problem = msg("The attributes are not a JSON object.")
    if isinstance(value, str):
        try:
            value = read_json(value)
        except HalfCharacterError as error:
            problem = error.message
    if isinstance(value, dict):
        return value
    raise RefusedError(Problem(line=record.line, field=name, value=shown(value), problem=problem))


def _suppressed(row: Row, outcome: ListState) -> Suppressed | None:
    values = row.values
    if "suppressed" in values:
        reason = read_reason(row.text("suppressed"))
        evidence = row.text("suppression_evidence")[:TEXT_LENGTH]
        return Suppressed(reason, evidence, _instant(row, "suppressed_at"))
    if outcome not in _SUPPRESSING:
        return None
    word = row.text("state") or outcome.value
    since = _instant(row, "bounced_at") or _instant(row, "complained_at")
    since = since or _instant(row, "unsubscribed_at")
    return Suppressed(_SUPPRESSING[outcome], f"list: {word}"[:TEXT_LENGTH], since)


def _name(row: Row, language: str) -> str:
    if "name" in row.values:
        return row.text("name")
    given, family = row.text("given_name"), row.text("family_name")
    if not given or not family:
        return given or family
    if language:
        family_first = language.partition("-")[0] in _FAMILY_FIRST
    else:
        family_first = any(unicodedata.east_asian_width(char) == "W" for char in family + given)
    return f"{family} {given}" if family_first else f"{given} {family}"


def list_name(text: str, form: ListForm) -> str:
    """Return a name without the suffixes of address labels, such as 様."""
    name = clean_name(text)
    return name if form.is_ours else (_ADDED.sub("", name) or name)


def _language(row: Row) -> str:
    text = row.text("language")
    language = read_tag(text) if text else ""
    if text and not language:
        row.note("language", msg("The language is unknown; the newsletter’s language is used."))
    return language


def _frequency(row: Row) -> str:
    frequency = read_frequency_word(row.text("frequency"))
    if frequency is None:
        row.note("frequency", msg("How often mail is wanted is unknown; each issue will be sent."))
    return frequency or ""


def _time_zone(row: Row) -> str:
    name = row.text("time_zone")
    if is_time_zone(name):
        return name
    row.note("time_zone", msg("The time zone is unknown; the newsletter’s time zone is used."))
    return ""


def _tags(row: Row) -> tuple[str, ...]:
    given = row.values["tags"]
    tags = split_tags(given) if isinstance(given, str) else tuple(dict.fromkeys(_split_tags(given)))
    for tag in tags:
        if not is_tag(tag):
            raise row.refused("tags", tag, NOT_A_TAG)
    return tags


@lru_cache(maxsize=_CACHED)
def split_tags(text: str) -> tuple[str, ...]:
    """Return the tags in a text, each once."""
    return tuple(dict.fromkeys(_split_tags(text)))


def _split_tags(value: object) -> list[str]:
    if isinstance(value, list):
        tags = [str(tag).strip() for tag in value]
    else:
        tags = [
            (quoted.replace('""', '"') if quoted else plain).strip()
            for quoted, plain in _TAGS.findall(str(value))
        ]
    return [tag for tag in tags if tag]


def _consent(row: Row) -> Consent:
    values = row.values
    return Consent(
        basis=row.text("consent_basis")[:LONGEST_BASIS],
        source=row.text("consent_source")[:TEXT_LENGTH],
        wording=row.text("consent_wording")[:TEXT_LENGTH],
        consented_at=_instant(row, "consented_at") if "consented_at" in values else None,
        confirmed_at=_instant(row, "confirmed_at") if "confirmed_at" in values else None,
    )


def _instant(row: Row, name: str, *, ahead: bool = False) -> datetime | None:
    """Return a date; an invalid or impossible future one is dropped with a warning."""
    text = row.text(name)
    if not text or is_false(text):
        return None
    moment = read_instant(text, row.zone)
    if moment is None:
        row.note(name, msg("This is not a date such as 2026-01-31; it is not used."))
    elif moment > now() and not ahead:
        row.note(name, msg("The date is in the future; it is not used."))
        moment = None
    return moment


def _field_values(row: Row, form: ListForm, given: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the newsletter's fields; invalid ones are dropped with a warning."""
    values: dict[str, Any] = {}
    for name, value in given.items():
        field = form.custom.get(name) or field_named([*form.custom.values()], name)
        if field is None:
            row.note(name, msg("There is no such field; the value is not used."), shown(value))
            continue
        try:
            read = read_value(field, value)
        except ListError as error:
            what = msg("{what} {remedy}", what=error.message, remedy=error.advice)
            row.note(field.key, what if error.advice else error.message, shown(value))
            continue
        if read is not None:
            values[field.key] = read
        if lacks_zero(field, value, row.zone):
            row.note(
                field.key,
                msg(
                    "The first 0 of this telephone number may have been lost in a spreadsheet. The"
                    " number is kept as it is in the list."
                ),
                shown(value),
            )
    return values


def lacks_zero(field: Field, value: object, zone: ZoneInfo) -> bool:
    """Return whether a value may be a Japanese telephone number that lost its leading 0."""
    return (
        zone.key == "Asia/Tokyo"
        and any(map(is_telephone, (field.key, *field.labels.values())))
        and _WITHOUT_ZERO.fullmatch(str(value).strip()) is not None
    )
