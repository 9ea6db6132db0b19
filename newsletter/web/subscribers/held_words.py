"""Descriptions of the data held about a person, for all lists and entries, including new ones."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Any

from newsletter.database.vocabulary import (
    BounceKind,
    DeliveryState,
    EnrolmentEnd,
    EnrolmentState,
    Frequency,
    LeaveReason,
    SuppressionReason,
)
from newsletter.database.words import name_of
from newsletter.i18n.messages import Message, msg, pmsg, written
from newsletter.i18n.values import LanguageName, Listing, Moment, Worded
from newsletter.web.audit_wording import recorded_words
from subscribers.history_entries import EVENT_NAMES, SETTING_NAMES, WAY_NAMES

#: Labels of lists; a list without label is shown with its key.
_LISTS: Mapping[str, Message] = {
    "consents": msg("Consent record"),
    "requests": msg("Requests not confirmed yet"),
    "suppressions": msg("Suppressions of the address"),
    "series": msg("Series"),
    "address_changes": msg("Changes of address"),
    "unsubscribed": msg("Times you unsubscribed"),
    "mails": msg("Emails sent to you"),
    "waiting_for_digest": msg("Waiting for a digest"),
    "notes": msg("Notes of the publisher’s staff"),
    "bounces": msg("Returned emails"),
    "changes": msg("Changes of your settings"),
}
#: Labels of the parts of entries.
_PARTS: Mapping[str, Worded] = {
    **SETTING_NAMES,
    "newsletter": msg("Newsletter"),
    "step": pmsg("held data", "What happened"),
    "what": pmsg("held data", "What happened"),
    "source": msg("Source of consent"),
    "network": msg("Network address"),
    "wording": msg("Wording"),
    "occurred_at": pmsg("held data", "When"),
    "requested_at": msg("Requested on"),
    "created_at": pmsg("held data", "When"),
    "changed_at": msg("Last changed"),
    "undone_at": msg("Undone on"),
    "written_at": pmsg("held data", "When"),
    "settled_at": pmsg("held data", "When"),
    "enrolled_at": msg("Began on"),
    "ended_at": msg("Ended on"),
    "ended_because": msg("Why it ended"),
    "answers": msg("Answers"),
    "reason": msg("Reason"),
    "evidence": msg("Evidence"),
    "mailing_id": msg("Number of the mailing"),
    "subject": msg("Subject"),
    "way": pmsg("held data", "How"),
    "remark": msg("Remark"),
    "state": msg("State"),
    "status": msg("Status code"),
    "reply": msg("Reply of the mail server"),
    "text": pmsg("field", "Text"),
    "address": msg("Address"),
    "kind": msg("Kind"),
    "series": msg("Series"),
    "changed": pmsg("held data", "What changed"),
}
#: Labels of the values of some parts.
_VALUES: Mapping[str, Mapping[str, Worded]] = {
    "step": {"requested": msg("requested"), "confirmed": msg("confirmed")},
    "what": {action.value: name for action, name in EVENT_NAMES.items()},
    "way": {way.value: name for way, name in WAY_NAMES.items()},
    "frequency": {each.value: name_of(each) for each in Frequency},
    "changed": SETTING_NAMES,
}
_VOCABULARIES: Mapping[tuple[str, str], type[StrEnum]] = {
    ("mails", "state"): DeliveryState,
    ("series", "state"): EnrolmentState,
    ("series", "ended_because"): EnrolmentEnd,
    ("suppressions", "reason"): SuppressionReason,
    ("unsubscribed", "reason"): LeaveReason,
    ("bounces", "kind"): BounceKind,
}


def held_lists(
    held: Mapping[str, Any],
    names: Mapping[str, str],
    zone: str,
    *,
    subjects: Mapping[int, str],
) -> list[tuple[Worded, list[list[tuple[Worded, Worded]]]]]:
    """Return the lists of `data_held` except subscriptions, with their labels and entries.

    Args:
        held: All held data.
        names: The names of newsletters by short name.
        zone: The time zone of shown moments.
        subjects: The subjects of mailings by id, since ids mean nothing to readers.
    """
    return [
        (_LISTS.get(key) or written(key), [_entry(key, row, names, zone, subjects) for row in rows])
        for key, rows in held.items()
        if isinstance(rows, list) and rows and key != "subscriptions"
    ]


def mailings_in(held: Mapping[str, Any]) -> frozenset[int]:
    """Return the ids of the mailings in the held data."""
    lists = (rows for rows in held.values() if isinstance(rows, list))
    return frozenset(row["mailing_id"] for rows in lists for row in rows if row.get("mailing_id"))


def _entry(
    table: str,
    row: Mapping[str, Any],
    names: Mapping[str, str],
    zone: str,
    subjects: Mapping[int, str],
) -> list[tuple[Worded, Worded]]:
    said = {key: value for key, value in row.items() if value not in (None, "", [], {})}
    if subject := subjects.get(said.get("mailing_id", 0)):
        said = {"subject": subject, **said}
        del said["mailing_id"]
    return [
        (
            _PARTS.get(key) or written(key),
            written(names.get(value, value) if key == "newsletter" else value)
            if key in {"newsletter", "subject"}
            else _value(table, key, value, zone),
        )
        for key, value in said.items()
    ]


def _value(table: str, key: str, value: object, zone: str) -> Worded:
    if isinstance(value, dict):
        return Listing(tuple(written(f"{name}: {each}") for name, each in value.items()))
    if isinstance(value, list | tuple):
        return Listing(tuple(_value(table, key, each, zone) for each in value))
    text = str(value)
    if (vocabulary := _VOCABULARIES.get((table, key))) is not None:
        return name_of(vocabulary(text))
    if key == "language":
        return LanguageName(text)
    with suppress(ValueError):
        if key.endswith("_at"):
            return Moment(datetime.fromisoformat(text), zone)
    return _VALUES.get(key, {}).get(text) or recorded_words(text)
