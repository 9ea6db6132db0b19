"""Translations: what an issue says in other languages, unit by unit.

A unit is what is translated at once: the title, the preheader, the lead, a chapter's heading with
what stands below it, an item. A translated unit is tied to the content of its original, not to its
place: units may be moved, and others put between them, and what was translated stays where it
belongs; a unit that says something else than when it was translated counts as not translated.

Readers get a translation once it is complete. Each gets the one that fits their language best: the
longest of the tags that are their language or a more general form of it (RFC 4647, 3.4), be it a
translation's or the original's own; the original where none fits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import StrEnum
from hashlib import sha256

from newsletter.errors import ContentError, Place
from newsletter.i18n.language import closer_tags, language_of_words
from newsletter.i18n.messages import msg
from newsletter.issues.checks.findings import IssueField, IssuePlace
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import (
    Block,
    Conditional,
    Issue,
    Link,
    Snippet,
    TranslatedUnit,
    Translation,
    blocks_to_json,
)
from newsletter.issues.outline import Part, to_outline, with_outline
from newsletter.issues.walking import walk_block_texts, walk_blocks, walk_parts

#: Languages of one issue besides its own; each is a mail of its own.
MOST_TRANSLATIONS = 12
#: From this likeness on, a unit is taken for an earlier one that was changed.
_ALIKE = 0.5
_CONDITION = re.compile(r"language ([A-Za-z0-9-]+)(?: besides ([A-Za-z0-9 -]+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslationUnit:
    """What of an issue is translated at once.

    Attributes:
        place: Where it stands; `IssueField.BODY` of chapters, sections and items.
        text: The heading, or the words of a unit that is one text, a line each.
    """

    place: IssuePlace
    text: str = ""
    body: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def source(self) -> str:
        """The digest of what it says, by which its translations are tied to it."""
        content = [
            self.text,
            blocks_to_json(self.body),
            [[each.url, each.label] for each in self.links],
        ]
        written = json.dumps(content, ensure_ascii=False, sort_keys=True)
        return sha256(written.encode()).hexdigest()[:32]

    @property
    def markdown(self) -> str:
        """What it says, as its source."""
        links = "\n".join(f"{each.label} {each.url}".strip() for each in self.links)
        body = blocks_to_markdown(self.body)
        return "\n\n".join(filter(None, (self.text, body, links)))

    @property
    def has_words(self) -> bool:
        """Whether anything in it differs between languages."""
        texts = (self.text, *(link.label for link in self.links), *_texts_of(self.body))
        return _has_words(texts)

    def is_said_by(self, translated: TranslatedUnit) -> bool:
        """Whether a translation has words wherever it has, each for the same readers."""
        return (
            not other_readers(self, translated.body)
            and (not _has_words((self.text,)) or bool(translated.text.strip()))
            and (not _has_words(_texts_of(self.body)) or bool(translated.body))
            and (not self.links or bool(translated.links))
        )


def other_readers(unit: TranslationUnit, body: tuple[Block, ...]) -> tuple[str, ...]:
    """Return the conditions that an original's body or another has, and not both.

    What only some are to read would be shown to all, or the other way round.
    """
    asked, said = _conditions_in(unit.body), _conditions_in(body)
    return tuple(each for each in (*asked, *said) if (each in asked) != (each in said))


def _conditions_in(blocks: tuple[Block, ...]) -> tuple[str, ...]:
    shown = (each for each in walk_blocks(blocks) if isinstance(each, Conditional) and each.blocks)
    return tuple(dict.fromkeys(block.condition for block in shown))


def _has_words(texts: Iterable[str]) -> bool:
    return any(letter.isalpha() for text in texts for letter in text)


class UnitState(StrEnum):
    """Where the translation of a unit stands; what is begun says part of its original alone."""

    DONE = "done"
    CHANGED = "changed"
    BEGUN = "begun"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitStatus:
    """A unit with its translation.

    Attributes:
        translated: What it says in the other language; where its original changed, what was said
            of the earlier one; None where nobody translated it.
    """

    unit: TranslationUnit
    state: UnitState
    translated: TranslatedUnit | None = None


def units_of(issue: Issue) -> tuple[TranslationUnit, ...]:
    """Return what of an issue is to be translated, in the order of reading."""
    return tuple(unit for unit in _units(issue) if unit.has_words)


def _units(issue: Issue) -> Iterator[TranslationUnit]:
    for field, text in (
        (IssueField.TITLE, issue.title),
        (IssueField.PREHEADER, issue.preheader),
        (IssueField.MASTHEAD, issue.masthead),
        (IssueField.NUMBER, issue.number),
    ):
        yield TranslationUnit(place=IssuePlace(field=field), text=text)
    for part in walk_parts(issue):
        heading = part.place.heading
        yield TranslationUnit(place=part.place, text=heading, body=part.body, links=part.links)
    credits_ = "\n".join(issue.credits)
    yield TranslationUnit(place=IssuePlace(field=IssueField.CREDITS), text=credits_)


def _texts_of(blocks: tuple[Block, ...]) -> Iterator[str]:
    yield from walk_block_texts(blocks)
    # Blocks that are kept under a name are put in before the issue is rendered.
    yield from (block.name for block in walk_blocks(blocks) if isinstance(block, Snippet))


def find_translation(issue: Issue, tag: str) -> Translation | None:
    """Return an issue's translation into a language, complete or not."""
    return next((each for each in issue.translations if each.language == tag), None)


def unit_statuses(issue: Issue, tag: str) -> tuple[UnitStatus, ...]:
    """Return each unit with what it says in another language, in the order of reading."""
    translation = find_translation(issue, tag) or Translation(language=tag)
    by_source = {each.source: each for each in translation.units}
    units = units_of(issue)
    known = {unit.source for unit in units}
    earlier = [each for each in translation.units if each.source not in known]
    statuses: list[UnitStatus] = []
    for unit in units:
        if (found := by_source.get(unit.source)) is not None:
            state = UnitState.DONE if unit.is_said_by(found) else UnitState.BEGUN
            statuses.append(UnitStatus(unit=unit, state=state, translated=found))
        elif (before := _closest(unit, earlier)) is not None:
            earlier.remove(before)
            statuses.append(UnitStatus(unit=unit, state=UnitState.CHANGED, translated=before))
        else:
            statuses.append(UnitStatus(unit=unit, state=UnitState.MISSING))
    return tuple(statuses)


def _closest(unit: TranslationUnit, earlier: Sequence[TranslatedUnit]) -> TranslatedUnit | None:
    """Return what a unit said when it was translated, if it is one that was changed since."""
    if not earlier:
        return None
    matcher = SequenceMatcher(b=unit.markdown, autojunk=False)
    best, likeness = None, _ALIKE
    for each in earlier:
        matcher.set_seq1(each.original)
        if matcher.real_quick_ratio() < likeness or matcher.quick_ratio() < likeness:
            continue
        if (ratio := matcher.ratio()) >= likeness:
            best, likeness = each, ratio
    return best


def _by_source(issue: Issue) -> dict[str, TranslationUnit]:
    return {unit.source: unit for unit in units_of(issue)}


def _missing(
    units: Mapping[str, TranslationUnit], translation: Translation
) -> tuple[TranslationUnit, ...]:
    """Return the units, by their sources, of which a translation does not say all."""
    by_source = {each.source: each for each in translation.units}
    return tuple(
        unit
        for source, unit in units.items()
        if source not in by_source or not unit.is_said_by(by_source[source])
    )


def complete_translations(issue: Issue) -> tuple[Translation, ...]:
    """Return the translations that readers get, without what no unit of the issue says now."""
    if not issue.translations:
        return ()
    units = _by_source(issue)
    return tuple(
        replace(each, units=tuple(unit for unit in each.units if unit.source in units))
        for each in issue.translations
        if not _missing(units, each)
    )


def missing_by_language(issue: Issue) -> Mapping[str, tuple[TranslationUnit, ...]]:
    """Return, of each language that is not complete, the units that are to be translated.

    What was said of earlier forms of them, which takes long to find, is not looked for.
    """
    units = _by_source(issue)
    missing = {each.language: _missing(units, each) for each in issue.translations}
    return {language: lacking for language, lacking in missing.items() if lacking}


def without_translations(issue: Issue) -> Issue:
    """Return the issue in its own language alone."""
    return replace(issue, translations=()) if issue.translations else issue


def translated(issue: Issue, tag: str) -> Issue:
    """Return what an issue says in another language; units that are not all translated stay."""
    translation = find_translation(issue, tag)
    if translation is None:
        return without_translations(issue)
    by_source = {each.source: each for each in translation.units}
    by_place: dict[IssuePlace, TranslatedUnit | None] = {}
    for unit in _units(issue):
        found = by_source.get(unit.source)
        by_place[_place(unit)] = found if found and unit.is_said_by(found) else None

    def text(field: IssueField, own: str) -> str:
        found = by_place[IssuePlace(field=field)]
        return found.text if found else own

    places = (part.place for part in walk_parts(issue))
    lead = by_place[next(places)]
    parts = tuple(
        _in_words_of(part, by_place[_unnamed(place)])
        for part, place in zip(to_outline(issue), places, strict=True)
    )
    language = language_of_words(tag)
    return replace(
        with_outline(issue, parts),
        title=text(IssueField.TITLE, issue.title),
        preheader=text(IssueField.PREHEADER, issue.preheader),
        masthead=text(IssueField.MASTHEAD, issue.masthead),
        number=text(IssueField.NUMBER, issue.number),
        lead=lead.body if lead else issue.lead,
        # The editor's own list of contents is in the original's words; headings make another.
        contents=(),
        credits=tuple(text(IssueField.CREDITS, "\n".join(issue.credits)).split("\n"))
        if issue.credits
        else (),
        language=language,
        language_tag="" if tag == language.value else tag,
        translations=(),
    )


def _place(unit: TranslationUnit) -> IssuePlace:
    return _unnamed(unit.place)


def _unnamed(place: IssuePlace) -> IssuePlace:
    return replace(place, heading="")


def _in_words_of(part: Part, unit: TranslatedUnit | None) -> Part:
    if unit is None:
        return part
    return replace(part, heading=unit.text, body=unit.body, links=unit.links)


def tied_to(before: Issue, after: Issue) -> Issue:
    """Return an issue with the translations of another that has the same parts, in other words.

    What was translated is tied to the new words, as when blocks are put in that it names.
    """
    if not before.translations:
        return after
    moved = {old.source: new.source for old, new in zip(_units(before), _units(after), strict=True)}
    return replace(
        after,
        translations=tuple(
            replace(
                translation,
                units=tuple(
                    replace(each, source=moved.get(each.source, each.source))
                    for each in translation.units
                ),
            )
            for translation in before.translations
        ),
    )


def with_translation(issue: Issue, translation: Translation) -> Issue:
    """Return the issue with a translation in place of that into the same language."""
    others = tuple(each for each in issue.translations if each.language != translation.language)
    return replace(
        issue,
        translations=tuple(sorted((*others, translation), key=lambda each: each.language)),
    )


def translation_from_issue(issue: Issue, other: Issue, tag: str) -> Translation:
    """Return a translation that was written as an issue of its own, with the same parts.

    Raises:
        ContentError: A part is missing, or there is one more; the message names the first.
    """
    units, others = tuple(_units(issue)), tuple(_units(other))
    for unit, written in zip(units, others, strict=False):
        if _place(unit) != _place(written):
            raise _misfit(unit)
        if unit.has_words and not written.has_words:
            raise _misfit(unit)
        demand_same_readers(unit, written.body)
    if len(units) != len(others):
        raise _misfit((units if len(units) > len(others) else others)[min(len(units), len(others))])
    return Translation(
        language=tag,
        units=tuple(
            translated_unit(unit, text=written.text, body=written.body, links=written.links)
            for unit, written in zip(units, others, strict=True)
            if unit.has_words
        ),
    )


def demand_same_readers(unit: TranslationUnit, body: tuple[Block, ...]) -> None:
    """Refuse a translation that shows a part to others than its original does.

    Raises:
        ContentError: It does; the message names the first condition.
    """
    for condition in other_readers(unit, body):
        raise ContentError(
            msg("The part for “{condition}” is not there in both languages.", condition=condition),
            place=Place(source="translation", field=unit.place.anchor or unit.place.field.value),
            remedy=msg("Keep the lines :::for … and ::: around what only these readers see."),
        )


def _misfit(unit: TranslationUnit) -> ContentError:
    return ContentError(
        msg(
            "The translation does not have the same parts as the original: they differ at {place}.",
            place=unit.place.described(),
        ),
        place=Place(source="translation", field=unit.place.anchor or unit.place.field.value),
        remedy=msg("Begin from the original’s Markdown and keep its headings and their levels."),
    )


def translated_unit(
    unit: TranslationUnit, *, text: str, body: tuple[Block, ...], links: tuple[Link, ...]
) -> TranslatedUnit:
    """Return what a unit says in another language, tied to it as it is now."""
    return TranslatedUnit(
        source=unit.source, original=unit.markdown, text=text, body=body, links=links
    )


def language_conditions(issue: Issue) -> tuple[str, ...]:
    """Return what stands for each complete translation among the conditions of an issue.

    It names the language, and the more exact ones whose readers get theirs instead. It is neither
    the name of a segment nor a query.
    """
    complete = [each.language for each in complete_translations(issue)]
    tags = (issue.tag, *complete)
    return tuple(_condition(tag, tags) for tag in complete)


def language_condition(issue: Issue, tag: str) -> str:
    """Return what stands for a translation once all that an issue has are complete."""
    return _condition(tag, (issue.tag, *(each.language for each in issue.translations)))


def _condition(tag: str, tags: Iterable[str]) -> str:
    closer = closer_tags(tag, tags)
    return f"language {tag}" + (f" besides {' '.join(closer)}" if closer else "")


def read_language_condition(condition: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the language that a condition stands for and those besides which; None for others."""
    read = _CONDITION.fullmatch(condition)
    if read is None:
        return None
    return read[1], tuple((read[2] or "").split())


def language_met(met: Iterable[str]) -> str:
    """Return the language of those who meet these conditions; empty for the issue's own."""
    return next((read[0] for each in met if (read := read_language_condition(each))), "")
