"""Blocks that are translated field by field: pictures, buttons, files, events, contacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from newsletter.errors import ContentError
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.issues.cards import Button, Contact, Event, File
from newsletter.issues.markdown.reader import read_body
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import Block, Gallery, Inline, Paragraph, Picture

#: Fields in order, with their names; addresses come last.
_NAMES: Mapping[type[object], Mapping[str, Message]] = {
    Picture: {
        "alt": msg("Alternative text"),
        "caption": msg("Caption"),
        "title": pmsg("picture", "Tooltip"),
        "url": msg("Leads to (address)"),
    },
    Button: {"label": msg("Label"), "url": pmsg("link", "Address")},
    File: {"name": msg("Name of the file"), "url": pmsg("link", "Address")},
    Event: {
        "name": msg("Name of the event"),
        "place": msg("Place"),
        "capacity": msg("Capacity"),
        "url": pmsg("link", "Address"),
    },
    Contact: {
        "department": msg("Department"),
        "name": msg("Name"),
        "hours": msg("Hours"),
        "address": msg("Postal address"),
        "phone": pmsg("contact", "Telephone"),
        "email": msg("Email address"),
        "url": msg("Website"),
    },
}
#: Fields that are the same in all languages unless a translation changes them.
_ADDRESSES = frozenset({"url", "phone", "email"})
#: Fields that may have several lines.
_LINES = frozenset({"hours", "address"})


_BlockT = TypeVar("_BlockT", bound=Block)


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockField:
    """A field of a block, with its text.

    Attributes:
        name: A unique name within the block; for pictures of a gallery, with the number as prefix,
            such as ``1.alt``. Captions are Markdown.
        number: The number of a gallery's picture; 0 for other blocks.
    """

    name: str
    label: Message
    text: str
    number: int = 0

    @property
    def is_address(self) -> bool:
        """Whether it is an address instead of text."""
        return self.name.rpartition(".")[2] in _ADDRESSES

    @property
    def has_lines(self) -> bool:
        """Whether it may have several lines."""
        return self.name in _LINES


def fields_of_block(block: Block | None) -> tuple[BlockField, ...]:
    """Return the fields of a block; empty for blocks without fields."""
    return tuple(_fields(block)) if block is not None else ()


def _fields(block: Block) -> Iterator[BlockField]:
    if isinstance(block, Gallery):
        for number, picture in enumerate(block.pictures, start=1):
            for field in _fields(picture):
                yield replace(field, name=f"{number}.{field.name}", number=number)
        return
    for name, label in _NAMES.get(type(block), {}).items():
        value = getattr(block, name)
        text = _caption(value) if name == "caption" else value
        # Empty fields need no translation.
        if text:
            yield BlockField(name=name, label=label, text=text)


def _caption(content: tuple[Inline, ...]) -> str:
    return blocks_to_markdown((Paragraph(content=content),)) if content else ""


def block_with(block: Block, values: Mapping[str, str]) -> Block:
    """Return a block with new values of fields; other fields are not changed.

    Raises:
        ContentError: A caption is more than one line of text.
    """
    if isinstance(block, Gallery):
        pictures = tuple(
            _with(picture, _of_number(values, number))
            for number, picture in enumerate(block.pictures, start=1)
        )
        return replace(block, pictures=pictures)
    return _with(block, values)


def _of_number(values: Mapping[str, str], number: int) -> dict[str, str]:
    begin = f"{number}."
    return {
        name.removeprefix(begin): text for name, text in values.items() if name.startswith(begin)
    }


def _with(block: _BlockT, values: Mapping[str, str]) -> _BlockT:
    changed: dict[str, Any] = {
        name: _read_caption(text) if name == "caption" else text.strip()
        for name, text in values.items()
        if name in _NAMES.get(type(block), {})
    }
    return replace(block, **changed)


def _read_caption(text: str) -> tuple[Inline, ...]:
    match read_body(text.strip(), source="translation"):
        case ():
            return ()
        case (Paragraph(content=content),):
            return content
    raise ContentError(
        msg("A caption is one line of text."), remedy=msg("Remove lists, headings and empty lines.")
    )
