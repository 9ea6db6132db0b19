"""Slots: where recipients differ, marked while rendering and split out afterwards.

A mark is letters and digits around a random nonce, so it passes MJML, premailer and URL attributes
unchanged, and no text of an issue can imitate it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from html import escape as escape_html

from newsletter.errors import Place, TemplateError
from newsletter.i18n.messages import msg
from newsletter.rendering.model import Slot, SlottedText, SlotUse

#: The mark of any rendering.
SLOT_MARK = re.compile("slot[0-9a-f]{16}x[0-9]+x")


class SlotMarks:
    """The marks of one rendering; templates read them as ``slots.unsubscribe_url``."""

    def __init__(self) -> None:
        nonce = secrets.token_hex(8)
        self._marks = {slot: f"slot{nonce}x{index}x" for index, slot in enumerate(Slot)}
        self._nonce = nonce
        self._uses = {mark: (slot.value, "") for slot, mark in self._marks.items()}
        self._pattern = re.compile(f"(slot{nonce}x[0-9]+x)")

    def as_mapping(self) -> dict[str, str]:
        """Return the marks by slot name, as templates see them."""
        return {slot.value: mark for slot, mark in self._marks.items()}

    def use(self, slot: str, fallback: str) -> str:
        """Return a mark for a slot with words for those who have no value for it."""
        mark = f"slot{self._nonce}x{len(self._uses)}x"
        self._uses[mark] = (slot, fallback)
        return mark

    def split(self, text: str, *, escape: bool) -> SlottedText:
        """Turn marked text into segments and slots."""
        return tuple(
            SlotUse(slot=self._uses[part][0], escape=escape, fallback=self._uses[part][1])
            if part in self._uses
            else part
            for part in self._pattern.split(text)
            if part
        )


def fill(slotted: SlottedText, values: Mapping[str, str]) -> str:
    """Put values in, escaped where they stand in HTML; where one is missing or empty, fallbacks."""
    return map_slots(slotted, lambda slot: values.get(slot, ""))


def fill_some(slotted: SlottedText, values: Mapping[str, str]) -> SlottedText:
    """Put values, or else fallbacks, in the slots that have one; the others stay slots."""
    return tuple(
        fill((part,), values) if isinstance(part, SlotUse) and part.slot in values else part
        for part in slotted
    )


def map_slots(slotted: SlottedText, value: Callable[[str], str]) -> str:
    """Put in what ``value`` returns for each slot, or else its fallback."""
    parts = []
    for part in slotted:
        if isinstance(part, str):
            parts.append(part)
        else:
            content = value(part.slot) or part.fallback
            parts.append(escape_html(content, quote=True) if part.escape else content)
    return "".join(parts)


def require_slots(slotted: SlottedText, required: frozenset[Slot], *, template: str) -> None:
    """Check that a body offers what every mail must.

    Raises:
        TemplateError: A slot is not used.
    """
    used = {part.slot for part in slotted if isinstance(part, SlotUse)}
    if lacking := sorted(required - used):
        names = ", ".join(f"slots.{slot}" for slot in lacking)
        raise TemplateError(
            msg("The template {template} does not use {names}.", template=template, names=names),
            place=Place(source=template),
            remedy=msg("Every email must let its reader unsubscribe."),
        )
