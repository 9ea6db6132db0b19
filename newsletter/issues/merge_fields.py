"""Fields that differ from reader to reader, by the name that an issue gives them.

Others join here: a field that is registered can be written, is offered by the menu, checked, and
filled at sending from the slot of its name.
"""

from __future__ import annotations

from collections.abc import Mapping
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


MERGE_FIELDS: Mapping[str, FieldKind] = {
    "name": FieldKind(slot="subscriber_name", label=msg("Reader's name")),
}
