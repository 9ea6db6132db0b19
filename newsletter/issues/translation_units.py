"""The units of translation, and the fields of blocks; see `newsletter.issues.translations`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, TypeVar

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.issues.cards import Button, Contact, Event, File
from newsletter.issues.checks.findings import IssueField, IssuePlace
from newsletter.issues.markdown.reader import read_body
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import (
    Block,
    Conditional,
    Gallery,
    Inline,
    Issue,
    Link,
    Paragraph,
    Picture,
    Snippet,
    TranslatedUnit,
    blocks_to_json,
)
from newsletter.issues.walking import walk_block_texts, walk_blocks, walk_parts

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


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslationUnit:
    """A unit of translation: a text, a block, or a link.

    Attributes:
        place: Its place; `IssueField.HEADING` for the heading of a part, `IssueField.BODY` for a
            block of it, `IssueField.LINKS` for a link.
        text: The text, if the unit is one; may have several lines.
        body: The block, if the unit is one.
        links: The link, if the unit is one.
        index: The index of the block or link in its part, from 0.
    """

    place: IssuePlace
    text: str = ""
    body: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()
    index: int = 0

    @property
    def source(self) -> str:
        """The digest of its content, which its translations refer to."""
        content = [
            self.text,
            blocks_to_json(self.body),
            [[each.url, each.label] for each in self.links],
        ]
        written = json.dumps(content, ensure_ascii=False, sort_keys=True)
        return sha256(written.encode()).hexdigest()[:32]

    @property
    def markdown(self) -> str:
        """Its content in Markdown."""
        return _markdown(self)

    @property
    def block(self) -> Block | None:
        """The block; None for a text or a link."""
        return self.body[0] if self.body else None

    @property
    def has_words(self) -> bool:
        """Whether it has text that needs translation."""
        texts = (self.text, *(link.label for link in self.links), *_texts_of(self.body))
        return _has_words(texts)

    @property
    def can_differ(self) -> bool:
        """Whether it can be translated: it has text, or an address or picture."""
        return self.has_words or bool(self.links) or isinstance(self.block, Picture | Gallery)

    def is_translated_by(self, translated: TranslatedUnit) -> bool:
        """Return whether a translation is complete, with the same conditions."""
        if translated.joined:
            return not _conditions_in(self.body)
        return (
            not other_readers(self, translated.body)
            and (not _has_words((self.text,)) or bool(translated.text.strip()))
            and (not _has_words(_texts_of(self.body)) or self._has_all_words(translated.body))
            and (not self.links or bool(translated.links))
            and (not self.links or not self.links[0].label or bool(translated.links[0].label))
        )

    def _has_all_words(self, body: tuple[Block, ...]) -> bool:
        own = fields_of_block(self.block)
        if not own or not body or type(body[0]) is not type(self.block):
            return bool(body)
        said = {field.name for field in fields_of_block(body[0])}
        return all(field.name in said for field in own if _has_words((field.text,)))


def _markdown(unit: TranslationUnit | TranslatedUnit) -> str:
    links = "\n".join(f"{each.label} {each.url}".strip() for each in unit.links)
    return "\n\n".join(filter(None, (unit.text, blocks_to_markdown(unit.body), links)))


def translated_markdown(unit: TranslatedUnit | None) -> str:
    """Return a translated unit in Markdown; empty for None."""
    return _markdown(unit) if unit else ""


def other_readers(unit: TranslationUnit, body: tuple[Block, ...]) -> tuple[str, ...]:
    """Return the conditions that only the original or only the translation has.

    With different conditions, the parts would be shown to different readers.
    """
    asked, said = _conditions_in(unit.body), _conditions_in(body)
    return tuple(each for each in (*asked, *said) if (each in asked) != (each in said))


def _conditions_in(blocks: tuple[Block, ...]) -> tuple[str, ...]:
    shown = (each for each in walk_blocks(blocks) if isinstance(each, Conditional) and each.blocks)
    return tuple(dict.fromkeys(block.condition for block in shown))


def _has_words(texts: Iterable[str]) -> bool:
    return any(letter.isalpha() for text in texts for letter in text)


def units_of(issue: Issue) -> tuple[TranslationUnit, ...]:
    """Return the units of an issue, in order, without duplicates."""
    return tuple(once(unit for unit in units_in(issue) if unit.has_words))


def once(units: Iterable[TranslationUnit]) -> Iterable[TranslationUnit]:
    """Return units without duplicates."""
    by_source: dict[str, TranslationUnit] = {}
    for unit in units:
        by_source.setdefault(unit.source, unit)
    return by_source.values()


def units_in(issue: Issue) -> Iterator[TranslationUnit]:
    """Yield all texts, blocks and links of an issue, even those without text."""
    for field, text in (
        (IssueField.TITLE, issue.title),
        (IssueField.PREHEADER, issue.preheader),
        (IssueField.MASTHEAD, issue.masthead),
        (IssueField.NUMBER, issue.number),
    ):
        yield TranslationUnit(place=IssuePlace(field=field), text=text)
    for part in walk_parts(issue):
        if part.place.chapter is not None:
            yield TranslationUnit(place=part.at(IssueField.HEADING), text=part.place.heading)
        for index, block in enumerate(part.body):
            yield TranslationUnit(place=part.place, body=(block,), index=index)
        for index, link in enumerate(part.links):
            place = part.at(IssueField.LINKS)
            yield TranslationUnit(place=place, links=(link,), index=index)
    credits_ = "\n".join(issue.credits)
    yield TranslationUnit(place=IssuePlace(field=IssueField.CREDITS), text=credits_)


def _texts_of(blocks: tuple[Block, ...]) -> Iterator[str]:
    yield from walk_block_texts(blocks)
    # Snippets are inserted before rendering.
    yield from (block.name for block in walk_blocks(blocks) if isinstance(block, Snippet))


def translated_unit(
    unit: TranslationUnit, *, text: str, body: tuple[Block, ...], links: tuple[Link, ...]
) -> TranslatedUnit:
    """Return the translation of a unit in its present state."""
    return TranslatedUnit(
        source=unit.source, original=unit.markdown, text=text, body=body, links=links
    )


def joined_unit(unit: TranslationUnit) -> TranslatedUnit:
    """Return a translation that is included in that of the unit before."""
    return TranslatedUnit(source=unit.source, original=unit.markdown, joined=True)


def spoken_first(units: Iterable[TranslatedUnit]) -> tuple[TranslatedUnit, ...]:
    """Return units, preferring those with text over joined ones for the same original.

    An original that occurs twice may have been translated separately only once.
    """
    given = tuple(units)
    spoken = {each.source for each in given if not each.joined}
    joined = {each.source: each for each in given if each.joined and each.source not in spoken}
    return (*joined.values(), *(each for each in given if not each.joined))


def require_same_readers(unit: TranslationUnit, body: tuple[Block, ...]) -> None:
    """Check that a translation has the same conditions as its original.

    Raises:
        ContentError: The conditions differ; the message names the first one.
    """
    for condition in other_readers(unit, body):
        raise ContentError(
            msg("The part for “{condition}” is not there in both languages.", condition=condition),
            place=Place(source="translation", field=unit.place.anchor or unit.place.field.value),
            remedy=msg("Keep the lines :::for … and ::: around what only these readers see."),
        )
