"""Importing translations that were written as separate issues with the same parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.alignment import opcodes
from newsletter.issues.checks.findings import IssueField, IssuePlace
from newsletter.issues.model import Block, Conditional, Issue, Link, TranslatedUnit, Translation
from newsletter.issues.translation_units import (
    TranslationUnit,
    joined_unit,
    require_same_readers,
    spoken_first,
    translated_unit,
    units_in,
)
from newsletter.issues.walking import walk_parts


def translation_from_issue(issue: Issue, other: Issue, tag: str) -> Translation:
    """Return the translation that was written as a separate issue.

    Raises:
        ContentError: The parts do not correspond; the message names the first missing or extra one.
    """
    parts, others = tuple(_texts_and_parts(issue)), tuple(_texts_and_parts(other))
    units: list[TranslatedUnit] = []
    for part, written in zip(parts, others, strict=False):
        if part.unnamed != written.unnamed:
            raise _misfit(part.place)
        units += part.translated_in(written)
    if len(parts) != len(others):
        longer = parts if len(parts) > len(others) else others
        raise _misfit(longer[min(len(parts), len(others))].place)
    return Translation(language=tag, units=spoken_first(units))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """A text of an issue, or a part with its content, which is compared as a whole."""

    place: IssuePlace
    text: str = ""
    body: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def unnamed(self) -> IssuePlace:
        return replace(self.place, heading="")

    @property
    def has_words(self) -> bool:
        return TranslationUnit(
            place=self.place, text=self.text, body=self.body, links=self.links
        ).has_words

    def translated_in(self, written: _Piece) -> Iterator[TranslatedUnit]:
        """Yield the translations of this piece's units.

        Raises:
            ContentError: A translation is missing, or has other conditions.
        """
        if self.has_words and not written.has_words:
            raise _misfit(self.place)
        blocks, links = _paired(self.body, written.body), _paired(self.links, written.links)
        heading = TranslationUnit(place=self.place, text=self.text)
        # Content without a counterpart in the original belongs to the heading.
        more = () if self.body else written.body
        more_links = () if self.links else written.links
        if (more or more_links) and not heading.has_words:
            raise _misfit(self.place)
        if heading.has_words:
            yield translated_unit(heading, text=written.text, body=more, links=more_links)
        for block, said in blocks:
            unit = TranslationUnit(place=self.place, body=(block,))
            if not said:
                yield joined_unit(unit)
            elif unit.has_words or said != unit.body:
                require_same_readers(unit, said)
                yield translated_unit(unit, text="", body=said, links=())
        for link, said_links in links:
            unit = TranslationUnit(place=self.place, links=(link,))
            if not said_links:
                yield joined_unit(unit)
            elif unit.has_words or said_links != unit.links:
                yield translated_unit(unit, text="", body=(), links=said_links)


_One = TypeVar("_One", Block, Link)


def _paired(
    originals: Sequence[_One], written: Sequence[_One]
) -> Iterator[tuple[_One, tuple[_One, ...]]]:
    """Yield each original with its translations, which are matched by kind and order.

    Additional translations belong to the original before them, or to the first one. An original
    without a translation is included in that of the one before.
    """
    if len(originals) == len(written):
        yield from ((one, (said,)) for one, said in zip(originals, written, strict=True))
    if not originals or len(originals) == len(written):
        return
    kinds, said_kinds = list(map(_kind, originals)), list(map(_kind, written))
    places: list[list[_One]] = [[] for _ in originals]
    for _tag, begin, end, start, stop in opcodes(kinds, said_kinds):
        for at, said in enumerate(written[start:stop], start=begin):
            places[min(at, end - 1) if end > begin else max(begin - 1, 0)].append(said)
    for one, found in zip(originals, places, strict=True):
        yield one, tuple(found)


def _kind(one: Block | Link) -> str:
    if isinstance(one, Conditional):
        return f"{one.kind} {one.condition}"
    return "link" if isinstance(one, Link) else one.kind


def _texts_and_parts(issue: Issue) -> Iterator[_Piece]:
    parts = iter(walk_parts(issue))
    for unit in units_in(replace(issue, lead=(), chapters=())):
        if unit.place.field is IssueField.CREDITS:
            for part in parts:
                yield _Piece(
                    place=part.place, text=part.place.heading, body=part.body, links=part.links
                )
        yield _Piece(place=unit.place, text=unit.text)


def _misfit(place: IssuePlace) -> ContentError:
    return ContentError(
        msg(
            "The translation does not have the same parts as the original: they differ at {place}.",
            place=place.described(),
        ),
        place=Place(source="translation", field=place.anchor or place.field.value),
        remedy=msg("Begin from the original’s Markdown and keep its headings and their levels."),
    )
