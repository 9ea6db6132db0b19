"""What one record of a list says about one subscriber, read and judged value by value."""

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
from newsletter.i18n.messages import Message, msg
from newsletter.spreadsheets import restore
from subscribers.fields.model import field_named
from subscribers.fields.reading import read_value
from subscribers.frequency import read_frequency_word
from subscribers.lists.columns import (
    SHARED,
    ListForm,
    Problem,
    RefusedError,
    shown,
)
from subscribers.lists.dates import read_instant
from subscribers.lists.files import HalfCharacterError, Record, read_json
from subscribers.lists.formats import (
    ListState,
    against_mail,
    denies,
    fold,
    read_opt_in,
    read_reason,
    read_remark,
    read_state,
)
from subscribers.people import clean_name, is_time_zone

_TAG_LENGTH, BASIS_LENGTH, TEXT_LENGTH = 64, 64, 10_000
#: A tag in quotes, which double within it, or one that ends at a comma of any writing.
_TAGS = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:[,、;，；]|\Z)|([^,、;，；]+)')
PLAIN_TEXT = frozenset({"text", "plain", "plaintext", "テキスト"})
_FALSE = frozenset(
    {"", "0", "no", "n", "false", "off", "いいえ", "無", "無し", "なし", "none", "×"}
)
_FAMILY_FIRST = ("ja", "zh", "ko", "hu", "vi")
STATES = {
    ListState.CONFIRMED: SubscriptionState.CONFIRMED,
    ListState.PENDING: SubscriptionState.PENDING,
}
#: Columns that say who somebody is, and nothing of what they want.
_WHO = frozenset({"address", "name"})
#: Columns that say something against mail wherever they are filled, the gravest first.
MARKS = {
    "complained_at": ListState.COMPLAINED,
    "bounced_at": ListState.BOUNCED,
    "deleted_at": ListState.UNSUBSCRIBED,
    "unsubscribed_at": ListState.UNSUBSCRIBED,
    "disabled": ListState.UNSUBSCRIBED,
}
#: Columns of which each value counts, and where a row keeps those of all of them.
_ANSWERS = {"state": "states", "opt_in": "opt_ins"}
_SUPPRESSING = {
    ListState.BOUNCED: SuppressionReason.HARD_BOUNCE,
    ListState.COMPLAINED: SuppressionReason.COMPLAINT,
    ListState.SUPPRESSED: SuppressionReason.MANUAL,
}


#: Values of a column that are read once: lists repeat days, languages, tags and marks.
_CACHED = 8192
read_date = lru_cache(maxsize=_CACHED)(read_instant)
read_tag = lru_cache(maxsize=_CACHED)(read_language)


class Consent(NamedTuple):
    """What a list knows of one person's consent; empty where the import's own terms hold."""

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
    """Why a list's person gets no mail."""

    reason: SuppressionReason
    evidence: str
    since: datetime | None


class Entry(NamedTuple):
    """One record, read and judged; a tuple, which a million of are made three times as fast.

    Attributes:
        language: A BCP 47 tag; empty for the newsletter's.
        notes: What was odd, though the record is taken.
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


class _Row(NamedTuple):
    """A record under way: its values by our fields, and what was odd about them."""

    record: Record
    values: dict[str, Any]
    zone: ZoneInfo
    notes: list[Problem]

    def text(self, name: str) -> str:
        value = self.values.get(name, "")
        return value if isinstance(value, str) else str(value)

    def refused(self, name: str, value: object, problem: Message) -> RefusedError:
        refusal = Problem(line=self.record.line, field=name, value=shown(value), problem=problem)
        return RefusedError(refusal)

    def note(self, name: str, problem: Message, value: str | None = None) -> None:
        value = shown(self.values.get(name)) if value is None else value
        self.notes.append(
            Problem(
                line=self.record.line,
                field=name,
                value=value,
                problem=msg("Imported with a warning: {warning}", warning=problem),
                address=self.text("address")[:320],
                taken=True,
            )
        )


def entry_of(record: Record, form: ListForm, zone: ZoneInfo) -> Entry:
    """Read a record; ``zone`` is the clock of instants that name none.

    Raises:
        RefusedError: A value is wrong; the problem names it.
    """
    values, attributes = _values(record, form)
    given = str(values.get("address", ""))
    # A spreadsheet's sign of a text, copied with it; ours is taken away where cells are read.
    has_sign = given.startswith("'") and not (form.known and form.known.own)
    try:
        address = parse_address(given.lstrip("'") if has_sign else given)
    except ListError as error:
        raise RefusedError(
            Problem(line=record.line, field="address", value=shown(given), problem=error.message)
        ) from None
    marked = _marked(record, form) if form.marks else None
    has_state = not form.fields.keys().isdisjoint(_ANSWERS)
    odd = address.warnings or has_sign or has_state or marked or form.has_states or record.beyond
    if not (attributes or odd) and values.keys() <= _WHO:
        # Most lists have little more than addresses and names.
        return Entry(record.line, address, clean_name(str(values.get("name", ""))), "", {})
    row = _Row(record, values, form.zone(zone), [])
    if has_sign:
        row.note("address", msg("An apostrophe before the address was removed."))
    for warning in address.warnings:
        row.note("address", warning)
    if record.beyond:
        row.note(
            "", msg("The row has more cells than the header; these are not used."), record.beyond
        )
    attributes = _field_values(row, form, attributes) if attributes else attributes
    outcome = _outcome(row, form, marked)
    language = _language(row)
    suppressed = _suppressed(row, outcome)
    state = STATES.get(outcome, SubscriptionState.UNSUBSCRIBED)
    left_at = None
    if state is SubscriptionState.UNSUBSCRIBED:
        left_at = _instant(row, "unsubscribed_at") or _instant(row, "deleted_at")
        left_at = left_at or (suppressed.since if suppressed else None)
    return Entry(
        line=record.line,
        address=address,
        name=_name(row, language) or address.name,
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
    """Return a record's values by our fields, and its attributes; blank values are left out."""
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    values, defused = record.values, form.defused
    for name, ours, key in form.kept:
        value = values.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, str):
            if "\0" in value:
                # PostgreSQL keeps none in any text.
                problem = msg("The value contains a control character.")
                raise RefusedError(
                    Problem(line=record.line, field=name, value=shown(value), problem=problem)
                )
            if defused:
                value = restore(value)
            if not key:
                value = value.strip()
            if value == "":
                continue
        if key:
            attributes[key] = value
        elif ours in SHARED:
            attributes |= _take(record, fields, name, ours, value)
        else:
            fields[ours] = value
    return fields, attributes


def _take(
    record: Record, fields: dict[str, Any], name: str, ours: str, value: object
) -> dict[str, Any]:
    """Take a value for a field beside what another column gave; return attributes that it holds."""
    if ours == "attributes":
        return _attributes(record, name, value)
    if ours == "tags" and ours in fields:
        fields[ours] = [*_split_tags(fields[ours]), *_split_tags(value)]
    elif ours == "disabled" and is_false(fields.get(ours, "")):
        fields[ours] = value
    elif ours in _ANSWERS:
        fields.setdefault(_ANSWERS[ours], []).append(value)
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


def _marked(record: Record, form: ListForm) -> tuple[str, ListState] | None:
    """Return the first column of no field of ours that speaks against mail, and how.

    One that only may do so counts where none does.
    """
    values = record.values
    unclear = None
    for name, mark in form.marks.items():
        value = values.get(name)
        if value is None or value == "" or isinstance(value, dict | list):
            continue
        if mark == "remark" and not isinstance(value, str):
            continue
        state = speaks_against(name, mark, str(value).strip())
        if state is ListState.UNCLEAR:
            unclear = unclear or (name, state)
        elif state is not None:
            return name, state
    return unclear


@lru_cache(maxsize=_CACHED)
def speaks_against(name: str, mark: str, text: str) -> ListState | None:
    """Return what a column of no field of ours says against mail, as its mark lets it."""
    if "://" in text:
        # A link to leave by, such as every newsletter's export may carry, says nothing.
        return None
    state = against_mail(text)
    if state is None and mark == "hint":
        state = read_state(text) or read_remark(text)
        if state is None and denies(text):
            return ListState.UNSUBSCRIBED
        return None if state is ListState.CONFIRMED else state
    if state is None and mark == "remark":
        return read_remark(text)
    if state is None and mark == "disabled" and not is_false(text):
        return against_mail(name) or ListState.UNSUBSCRIBED
    return state


def _outcome(row: _Row, form: ListForm, marked: tuple[str, ListState] | None) -> ListState:
    """Return what the list says of somebody: the gravest that any of its columns does."""
    listed = form.state
    if listed is None and "states" in row.values:
        listed = _state(row, form)
    elif listed is None and "state" in form.fields and form.known:
        listed = form.known.blank
    if form.state is None and listed in _NOT_AGAINST:
        listed = _with_answers(row, listed)
    if marked is not None and listed in _NOT_AGAINST:
        name, state = marked
        if state is ListState.UNCLEAR:
            return _by_marks(row) or _refuse_unclear(row, name)
        value = shown(row.record.values.get(name))
        row.note(name, msg("A column says that this person wants no email; none is sent."), value)
        return _refuse_never(row, state)
    if listed is not None and listed not in _NOT_AGAINST:
        return _refuse_never(row, listed)
    if listed is ListState.CONFIRMED and form.known is not None and form.known.own:
        return listed
    marked_state = _by_marks(row)
    if marked_state is None and listed is not ListState.CONFIRMED:
        _refuse_unanswered(row, form)
    return marked_state or ListState.CONFIRMED


#: What a list says as long as nothing in it speaks against mail.
_NOT_AGAINST = frozenset({None, ListState.CONFIRMED, ListState.UNCLEAR})


def _with_answers(row: _Row, listed: ListState | None) -> ListState | None:
    """Return what a list says with its answers to "do they want mail?": a no, an unclear one, a yes.

    A blank is none of them.
    """
    answers = {_answer(str(value), row.zone) for value in row.values.get("opt_ins", ())}
    if against := answers - _NOT_AGAINST:
        return next(state for state in ListState if state in against)
    if ListState.UNCLEAR in answers:
        return ListState.UNCLEAR
    return listed or next(iter(answers), None)


def _answer(text: str, zone: ZoneInfo) -> ListState:
    """Return what an answer says; a date is a yes, since when."""
    answer = read_opt_in(text)
    if answer is None:
        return ListState.CONFIRMED if read_date(text, zone) else ListState.UNCLEAR
    return answer


def _refuse_unanswered(row: _Row, form: ListForm) -> None:
    """Refuse a row that leaves unsaid what the list says of others: whether mail is to be sent."""
    if form.state is not None:
        return
    if "opt_ins" in row.values:
        raise row.refused(
            "opt_in",
            next(
                value
                for value in row.values["opt_ins"]
                if _answer(str(value), row.zone) is ListState.UNCLEAR
            ),
            msg("The answer is no clear yes, so it is unclear whether this person wants email."),
        )
    if form.known is not None:
        return
    if "opt_in" in form.fields:
        raise row.refused(
            "opt_in",
            "",
            msg("There is no answer, so it is unclear whether this person wants email."),
        )
    if "state" in form.fields:
        raise row.refused(
            "state",
            "",
            msg("The status is empty, so it is unclear whether this person wants email."),
        )


def _state(row: _Row, form: ListForm) -> ListState | None:
    """Return what the columns of states say; one against mail counts for more than one for it."""
    outcome: ListState | None = None
    for value in row.values["states"]:
        word = str(value)
        own = form.known.states.get(fold(word)) if form.known else None
        listed = own or read_state(word)
        if listed is None:
            raise row.refused(
                "state",
                word,
                msg("The status is unknown, so it is unclear whether this person wants email."),
            )
        if outcome in {None, ListState.CONFIRMED}:
            outcome = listed
    return outcome


def _refuse_never(row: _Row, outcome: ListState) -> ListState:
    if outcome is ListState.NEVER:
        problem = msg("According to the list, this person never subscribed.")
        raise row.refused("state", row.values.get("state", ""), problem)
    return outcome


def _refuse_unclear(row: _Row, name: str) -> ListState:
    raise row.refused(
        name,
        row.record.values.get(name),
        msg(
            "The remark may say that this person wants no email. Reword it, or write"
            " “unsubscribed”, and import the row again."
        ),
    )


def _by_marks(row: _Row) -> ListState | None:
    """Return what other columns say against mail: a date of leaving, a mark of being disabled."""
    values = row.values
    for name, state in MARKS.items():
        if name in values and not is_false(values[name]):
            return state
    return None


def is_false(value: object) -> bool:
    """Tell whether a mark says no, as a blank one does."""
    return fold(str(value)) in _FALSE


def _suppressed(row: _Row, outcome: ListState) -> Suppressed | None:
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


def _name(row: _Row, language: str) -> str:
    if "name" in row.values:
        return clean_name(row.text("name"))
    given, family = row.text("given_name"), row.text("family_name")
    if not given or not family:
        return clean_name(given or family)
    if language:
        family_first = language.partition("-")[0] in _FAMILY_FIRST
    else:
        family_first = any(unicodedata.east_asian_width(char) == "W" for char in family + given)
    return clean_name(f"{family} {given}" if family_first else f"{given} {family}")


def _language(row: _Row) -> str:
    text = row.text("language")
    language = read_tag(text) if text else ""
    if text and not language:
        row.note("language", msg("The language is unknown; the newsletter’s language is used."))
    return language


def _frequency(row: _Row) -> str:
    frequency = read_frequency_word(row.text("frequency"))
    if frequency is None:
        row.note("frequency", msg("How often mail is wanted is unknown; each issue will be sent."))
    return frequency or ""


def _time_zone(row: _Row) -> str:
    name = row.text("time_zone")
    if is_time_zone(name):
        return name
    row.note("time_zone", msg("The time zone is unknown; the newsletter’s time zone is used."))
    return ""


def _tags(row: _Row) -> tuple[str, ...]:
    given = row.values["tags"]
    tags = split_tags(given) if isinstance(given, str) else tuple(dict.fromkeys(_split_tags(given)))
    for tag in tags:
        if not is_tag(tag):
            raise row.refused("tags", tag, msg("A tag has at most 64 printable characters."))
    return tags


def is_tag(text: str) -> bool:
    """Tell whether a text may be a tag."""
    return len(text) <= _TAG_LENGTH and text.isprintable()


@lru_cache(maxsize=_CACHED)
def split_tags(text: str) -> tuple[str, ...]:
    """Return the tags that a text names, each once."""
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


def _consent(row: _Row) -> Consent:
    values = row.values
    return Consent(
        basis=row.text("consent_basis")[:BASIS_LENGTH],
        source=row.text("consent_source")[:TEXT_LENGTH],
        wording=row.text("consent_wording")[:TEXT_LENGTH],
        consented_at=_instant(row, "consented_at") if "consented_at" in values else None,
        confirmed_at=_instant(row, "confirmed_at") if "confirmed_at" in values else None,
    )


def _instant(row: _Row, name: str, *, ahead: bool = False) -> datetime | None:
    """Read a date; one that is none, or lies ahead where it cannot, is left out with a warning."""
    text = row.text(name)
    if not text or is_false(text):
        return None
    moment = read_date(text, row.zone)
    if moment is None:
        row.note(name, msg("This is not a date such as 2026-01-31; it is not used."))
    elif moment > now() and not ahead:
        row.note(name, msg("The date is in the future; it is not used."))
        moment = None
    return moment


def _field_values(row: _Row, form: ListForm, given: dict[str, Any]) -> dict[str, Any]:
    """Return values as the newsletter's fields have them; what is none is left out, and said."""
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
    return values
