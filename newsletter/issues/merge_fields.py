"""Fields that differ from reader to reader, by the name that an issue gives them.

Besides those that every newsletter has, each field of a newsletter's people (`subscribers.fields`)
can be written by its key; at sending it is filled from the slot of its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from newsletter.i18n.messages import Message, msg


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldKind:
    """A field as editors choose it.

    Attributes:
        slot: The slot of the frame that holds its value.
        label: What the menu calls it.
    """

    slot: str
    label: Message


#: Before the key of a newsletter's own field.
_OWN = "field."

MERGE_FIELDS: Mapping[str, FieldKind] = {
    "name": FieldKind(slot="subscriber_name", label=msg("Reader's name")),
}


def slot_of(name: str) -> str:
    """Return the slot of the frame that holds a field's value."""
    kind = MERGE_FIELDS.get(name)
    return kind.slot if kind else _OWN + name


def own_keys(slots: Iterable[str]) -> frozenset[str]:
    """Return the keys of the newsletter's fields among the slots that a frame uses."""
    return frozenset(slot.removeprefix(_OWN) for slot in slots if slot.startswith(_OWN))
