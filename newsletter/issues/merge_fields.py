"""Merge fields: placeholders in an issue for data about the reader.

Besides the fields that all newsletters have, each field of a newsletter's people
(`subscribers.fields`) can be used by its key. When sending, the values are put into slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from newsletter.i18n.messages import Message, msg


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldKind:
    """A merge field that editors can choose.

    Attributes:
        slot: The slot of the message frame for its value.
        label: Its label in the menu.
    """

    slot: str
    label: Message


#: The prefix of the keys of a newsletter's own fields.
_OWN = "field."

MERGE_FIELDS: Mapping[str, FieldKind] = {
    "name": FieldKind(slot="subscriber_name", label=msg("Reader's name")),
}


def slot_of(name: str) -> str:
    """Return the slot of the message frame for a field's value."""
    kind = MERGE_FIELDS.get(name)
    return kind.slot if kind else _OWN + name


def own_keys(slots: Iterable[str]) -> frozenset[str]:
    """Return the keys of the newsletter's own fields among the slots of a frame."""
    return frozenset(slot.removeprefix(_OWN) for slot in slots if slot.startswith(_OWN))
