"""Descriptions of the details of audit events, which the log stores as codes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from newsletter.accounts.audit_actions import Action
from newsletter.database.vocabulary import (
    Archived,
    FeedbackAction,
    FieldType,
    Frequency,
    IncidentResolution,
    Joining,
    SubscriptionState,
    TrialVerdict,
)
from newsletter.database.words import name_of
from newsletter.i18n.messages import Message, msg, pmsg, written
from newsletter.i18n.values import Day, Labelled, LanguageName, Listing, Moment, WallTime, Worded
from newsletter.newsletters.look.designs import DESIGNS
from newsletter.web.audit_wording import recorded_words
from newsletter.web.newsletters.choice_names import (
    COLOURS,
    FONTS,
    HEADINGS,
    ITEMS,
    MASTHEADS,
    STRUCTURES,
)
from subscribers.history_entries import SETTING_NAMES, WAY_NAMES

#: Actions whose details are pairs of the previous and the new value.
_CHANGES = frozenset(
    action.value
    for action in (
        Action.FIELD_CHANGE,
        Action.FORM_CHANGE,
        Action.MAILING_RESCHEDULE,
        Action.NEWSLETTER_LOOK,
        Action.NEWSLETTER_SETTINGS,
    )
)
#: Descriptions of values that belong to no enumeration, by detail.
_VALUES: Mapping[str, Mapping[str, Worded]] = {
    "at": {"now": pmsg("audit", "At once")},
    "changed": SETTING_NAMES,
    "design": {design.name: design.title for design in DESIGNS},
    "detail": {
        "headlines": msg("The headline"),
        "summaries": msg("The headline and the first sentence"),
        "full": msg("The whole text"),
    },
    "every": {
        "never": msg("Not by itself"),
        "week": msg("Every week"),
        "two-weeks": msg("Every two weeks"),
        "month-day": msg("Every month, on a day of the month"),
        "month-weekday": msg("Every month, on a weekday"),
    },
    "font": {word.value: name for word, name in FONTS.items()},
    "format": {"digest": msg("Plain text")},
    "heading_font": {word.value: name for word, name in FONTS.items()},
    "headings": {word.value: name for word, name in HEADINGS.items()},
    "items": {word.value: name for word, name in ITEMS.items()},
    "masthead": {word.value: name for word, name in MASTHEADS.items()},
    "template": STRUCTURES,
    "visibility": {
        "private": msg("Private: no archive"),
        "unlisted": msg("Unlisted: by its address"),
        "public": msg("Public: listed and searchable"),
    },
    "way": {way.value: name for way, name in WAY_NAMES.items()},
}
#: Details whose values belong to an enumeration.
_VOCABULARIES: Mapping[str, type[StrEnum]] = {
    "action": FeedbackAction,
    "after": Archived,
    "because": TrialVerdict,
    "before": Archived,
    "frequency": Frequency,
    "joining": Joining,
    "resolution": IncidentResolution,
    "state": SubscriptionState,
    "type": FieldType,
}
#: Details whose values are days or moments in ISO 8601, or language tags.
_DAYS = frozenset({"date", "next", "since"})
_MOMENTS = frozenset({"at", "decide_at"})
_TAGS = frozenset({"language", "languages"})


def detail_words(value: object, key: str, action: str = "", zone: str = "UTC") -> Worded:
    """Return the description of a detail; for a change, of the previous and the new value.

    Args:
        value: The recorded value.
        key: The name of the detail.
        action: The action of the event.
        zone: The time zone of shown moments.
    """
    if action in _CHANGES and isinstance(value, list) and len(value) == len(("before", "after")):
        before, after = value
        if isinstance(before, dict) and isinstance(after, dict):
            return _changed_entries(before, after, key)
        return _from_to(before, after, key, zone)
    if isinstance(value, list):
        return Listing(tuple(detail_words(each, key, zone=zone) for each in value))
    return _entries(value, key) if isinstance(value, dict) else _single(value, key, zone)


def _entries(value: Mapping[str, Any], key: str) -> Worded:
    """Return the description of an object: the alternative text of a picture, a link, an option."""
    if "alt" in value or "label" in value:
        return written(str(value.get("alt", value.get("label"))))
    if "value" in value:
        return Labelled(tuple(value.get("labels", {}).items()), str(value["value"]))
    return Listing(
        tuple(_entry(name, detail_words(each, key), key) for name, each in value.items())
    )


def _changed_entries(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> Worded:
    """Return the changes of named values, such as the colours of a palette."""
    if "alt" in before:
        return _from_to(before, after, key)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return Listing(
        tuple(_entry(name, _from_to(before.get(name), after.get(name), key), key) for name in names)
    )


def _from_to(before: object, after: object, key: str, zone: str = "UTC") -> Message:
    return pmsg(
        "audit",
        "{before} → {after}",
        before=detail_words(before, key, zone=zone),
        after=detail_words(after, key, zone=zone),
    )


def _entry(name: str, value: Worded, key: str) -> Message:
    """Return a value with its name, such as that of a colour, or with its language."""
    if key == "palette":
        called: Worded = COLOURS.get(name) or written(name)
    elif key == "labels":
        called = LanguageName(name)
    else:
        called = written(name)
    return pmsg("audit", "{name}: {value}", name=called, value=value)


def _single(value: object, key: str, zone: str) -> Worded:
    if isinstance(value, bool):
        return msg("Yes") if value else msg("No")
    text = "–" if value is None or value == "" else str(value)
    words: Worded = recorded_words(text)
    known = {word.value: word for word in _VOCABULARIES.get(key, ())}
    if text in _VALUES.get(key, {}):
        words = _VALUES[key][text]
    elif text in known:
        words = name_of(known[text])
    elif key in _TAGS and text != "–":
        words = LanguageName(text)
    else:
        with suppress(ValueError):
            if key in _DAYS:
                words = Day(date.fromisoformat(text))
            elif key in _MOMENTS:
                moment = datetime.fromisoformat(text)
                # A time without offset was ordered in each reader's time zone.
                words = Moment(moment, zone) if moment.tzinfo else WallTime(moment)
    return words
