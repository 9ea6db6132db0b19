"""Slots: values of recipients are marked during rendering, and split out afterwards.

A mark consists of letters and digits with a random nonce. MJML, premailer and URL attributes leave
it unchanged, and no text of an issue can imitate it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import escape as escape_html

from newsletter.errors import Place, TemplateError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.rendering.model import (
    ReaderWords,
    RenderedIssue,
    Slot,
    SlottedText,
    SlotUse,
    WordedText,
)

#: The mark of any rendering.
SLOT_MARK = re.compile("slot[0-9a-f]{16}x[0-9]+x")


class SlotMarks:
    """The marks of one rendering; templates use them as ``slots.unsubscribe_url``."""

    def __init__(self) -> None:
        nonce = secrets.token_hex(8)
        self._marks = {slot: f"slot{nonce}x{index}x" for index, slot in enumerate(Slot)}
        self._nonce = nonce
        self._uses: dict[str, SlotUse | ReaderWords] = {
            mark: SlotUse(slot.value, escape=False) for slot, mark in self._marks.items()
        }
        self._pattern = re.compile(f"(slot{nonce}x[0-9]+x)")

    def as_mapping(self) -> dict[str, str]:
        """Return the marks by slot name, for templates."""
        return {slot.value: mark for slot, mark in self._marks.items()}

    def use(self, slot: str, fallback: str) -> str:
        """Return a mark for a slot, with a fallback for recipients without a value."""
        return self._mark(SlotUse(slot, escape=False, fallback=fallback))

    def words(self, own: str, others: Mapping[str, str]) -> str:
        """Return a mark for text that each reader gets in their own language."""
        return self._mark(ReaderWords(own, tuple(others.items()), escape=False))

    @property
    def of_links(self) -> tuple[str, ...]:
        """The marks of links that belong to one reader."""
        return tuple(
            mark
            for mark, use in self._uses.items()
            if isinstance(use, SlotUse) and use.slot.endswith("_url")
        )

    def _mark(self, use: SlotUse | ReaderWords) -> str:
        mark = f"slot{self._nonce}x{len(self._uses)}x"
        self._uses[mark] = use
        return mark

    def split(self, text: str, *, escape: bool) -> WordedText:
        """Split marked text into literal text, slots and reader's text."""
        return tuple(
            replace(self._uses[part], escape=escape) if part in self._uses else part
            for part in self._pattern.split(text)
            if part
        )


def in_language(worded: WordedText, language: Language | None = None) -> SlottedText:
    """Insert the text of a reader's language; of the issue's if it is None or not available."""
    return tuple(
        _put(dict(part.others).get(language, part.own) if language else part.own, part)
        if isinstance(part, ReaderWords)
        else part
        for part in worded
    )


def worded_for(rendered: RenderedIssue, language: Language) -> RenderedIssue:
    """Return a mail with its fixed text in a reader's language."""
    return replace(
        rendered,
        subject=in_language(rendered.subject, language),
        html=in_language(rendered.html, language),
        text=in_language(rendered.text, language),
    )


def fill(slotted: WordedText, values: Mapping[str, str]) -> str:
    """Insert values, escaped in HTML; a missing or empty value is replaced by the fallback."""
    return map_slots(slotted, lambda slot: values.get(slot, ""))


def fill_some(slotted: WordedText, values: Mapping[str, str]) -> WordedText:
    """Fill the slots that are in ``values``, by value or fallback; the other slots stay."""
    return tuple(
        fill((part,), values) if isinstance(part, SlotUse) and part.slot in values else part
        for part in slotted
    )


def map_slots(slotted: WordedText, value: Callable[[str], str]) -> str:
    """Insert the result of ``value`` for each slot, or else its fallback."""
    return "".join(
        part if isinstance(part, str) else _put(value(part.slot) or part.fallback, part)
        for part in in_language(slotted)
    )


def _put(words: str, place: SlotUse | ReaderWords) -> str:
    return escape_html(words, quote=True) if place.escape else words


def require_slots(slotted: WordedText, required: frozenset[Slot], *, template: str) -> None:
    """Check that a body has the slots that every mail must have.

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
