"""Translations of an issue, unit by unit.

A unit is the title, the preheader, a heading, a block (a paragraph, a picture, a table), or a link.
A translated unit refers to the content of its original, not to its position. So units can be moved
and inserted without affecting translations. If a unit's content changes, it counts as not
translated. Equal units are translated once.

Readers get complete translations only. Each reader gets the language that matches theirs best: the
longest tag that is their language or a more general form of it (RFC 4647, 3.4), or else the
original.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from newsletter.i18n.language import closer_tags, language_of_words
from newsletter.issues.alignment import Likeness
from newsletter.issues.checks.findings import IssueField, IssuePlace
from newsletter.issues.model import Block, Issue, TranslatedUnit, Translation
from newsletter.issues.outline import Part, to_outline, with_outline
from newsletter.issues.translation_units import (
    TranslationUnit,
    joined_unit,
    once,
    spoken_first,
    units_in,
    units_of,
)
from newsletter.issues.walking import walk_parts

#: The maximum number of translations; each makes a variant.
MOST_TRANSLATIONS = 12
#: The minimum similarity of a unit to an earlier one of which it counts as changed.
_ALIKE = 0.5
_CONDITION = re.compile(r"language ([A-Za-z0-9-]+)(?: besides ([A-Za-z0-9 -]+))?")


class UnitState(StrEnum):
    """The state of a unit's translation.

    ``BEGUN`` is a translation of a part of the original. ``SAME`` is a unit without text, which is
    used unchanged unless another one is given.
    """

    DONE = "done"
    SAME = "same"
    CHANGED = "changed"
    BEGUN = "begun"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitStatus:
    """A unit with its translation.

    Attributes:
        translated: Its translation; if the original has changed, that of the earlier original; None
            without a translation.
    """

    unit: TranslationUnit
    state: UnitState
    translated: TranslatedUnit | None = None


def find_translation(issue: Issue, tag: str) -> Translation | None:
    """Return an issue's translation into a language, even if incomplete."""
    return next((each for each in issue.translations if each.language == tag), None)


def unit_statuses(issue: Issue, tag: str) -> tuple[UnitStatus, ...]:
    """Return each unit with its translation, in order."""
    translation = find_translation(issue, tag) or Translation(language=tag)
    by_source = {each.source: each for each in translation.units}
    units = once(unit for unit in units_in(issue) if unit.can_differ)
    known = {unit.source for unit in units}
    earlier = [each for each in translation.units if each.source not in known and not each.joined]
    statuses: list[UnitStatus] = []
    likeness = Likeness()
    for unit in units:
        if (found := by_source.get(unit.source)) is not None:
            state = UnitState.DONE if unit.is_translated_by(found) else UnitState.BEGUN
            statuses.append(UnitStatus(unit=unit, state=state, translated=found))
        elif not unit.has_words:
            statuses.append(UnitStatus(unit=unit, state=UnitState.SAME))
        elif (before := _closest(unit, earlier, likeness)) is not None:
            earlier.remove(before)
            statuses.append(UnitStatus(unit=unit, state=UnitState.CHANGED, translated=before))
        else:
            statuses.append(UnitStatus(unit=unit, state=UnitState.MISSING))
    return tuple(statuses)


def _closest(
    unit: TranslationUnit, earlier: Sequence[TranslatedUnit], likeness: Likeness
) -> TranslatedUnit | None:
    """Return the translation of an earlier version of a unit, by similarity; None without one."""
    best, least = None, _ALIKE
    for each in earlier:
        if ratio := likeness.of(unit.markdown, each.original, least=least):
            best, least = each, ratio
    return best


def _by_source(issue: Issue) -> dict[str, TranslationUnit]:
    return {unit.source: unit for unit in units_of(issue)}


def _missing(
    units: Mapping[str, TranslationUnit], translation: Translation
) -> tuple[TranslationUnit, ...]:
    """Return the units that are not translated completely."""
    by_source = {each.source: each for each in translation.units}
    return tuple(
        unit
        for source, unit in units.items()
        if source not in by_source or not unit.is_translated_by(by_source[source])
    )


def complete_translations(issue: Issue) -> tuple[Translation, ...]:
    """Return the complete translations, without units that the issue does not contain any more."""
    if not issue.translations:
        return ()
    units = _by_source(issue)
    known = {unit.source for unit in units_in(issue)}
    return tuple(
        replace(each, units=tuple(unit for unit in each.units if unit.source in known))
        for each in issue.translations
        if not _missing(units, each)
    )


def missing_by_language(issue: Issue) -> Mapping[str, tuple[TranslationUnit, ...]]:
    """Return the missing units of each incomplete language.

    Translations of earlier versions are not looked for, which would take long.
    """
    units = _by_source(issue)
    missing = {each.language: _missing(units, each) for each in issue.translations}
    return {language: lacking for language, lacking in missing.items() if lacking}


def without_translations(issue: Issue) -> Issue:
    """Return the issue without translations."""
    return replace(issue, translations=()) if issue.translations else issue


def translated(issue: Issue, tag: str) -> Issue:
    """Return an issue in another language; units without complete translation are unchanged."""
    translation = find_translation(issue, tag)
    if translation is None:
        return without_translations(issue)
    by_source = {each.source: each for each in translation.units}

    def translation_of(unit: TranslationUnit) -> TranslatedUnit | None:
        found = by_source.get(unit.source)
        return found if found and unit.is_translated_by(found) else None

    texts = {unit.place.field: found for unit in units_in(issue) if (found := translation_of(unit))}

    def text(field: IssueField, own: str) -> str:
        found = texts.get(field)
        return found.text if found else own

    def blocks(place: IssuePlace, own: tuple[Block, ...]) -> tuple[Block, ...]:
        units = (TranslationUnit(place=place, body=(block,)) for block in own)
        found = ((translation_of(unit), unit) for unit in units)
        return tuple(each for one, unit in found for each in (one.body if one else unit.body))

    def part(own: Part, place: IssuePlace) -> Part:
        heading = translation_of(TranslationUnit(place=place, text=own.heading))
        units = (TranslationUnit(place=place, links=(link,)) for link in own.links)
        found = ((translation_of(unit), unit) for unit in units)
        return replace(
            own,
            heading=heading.text if heading else own.heading,
            body=(*(heading.body if heading else ()), *blocks(place, own.body)),
            links=tuple(each for one, unit in found for each in (one.links if one else unit.links)),
        )

    places = (each.place for each in walk_parts(issue))
    lead = blocks(next(places), issue.lead)
    parts = tuple(part(each, place) for each, place in zip(to_outline(issue), places, strict=True))
    language = language_of_words(tag)
    return replace(
        with_outline(issue, parts),
        title=text(IssueField.TITLE, issue.title),
        preheader=text(IssueField.PREHEADER, issue.preheader),
        masthead=text(IssueField.MASTHEAD, issue.masthead),
        number=text(IssueField.NUMBER, issue.number),
        lead=lead,
        # The editor's table of contents is in the original language; it is derived instead.
        contents=(),
        credits=tuple(text(IssueField.CREDITS, "\n".join(issue.credits)).split("\n"))
        if issue.credits
        else (),
        language=language,
        language_tag="" if tag == language.value else tag,
        translations=(),
    )


def tied_to(issue: Issue, after: Issue, put_in: Callable[[Block], tuple[Block, ...]]) -> Issue:
    """Return a changed issue with the translations of the earlier one, where blocks were replaced.

    Args:
        issue: The earlier issue, with its translations.
        after: The changed issue.
        put_in: Returns the blocks that replace a block. Its translation then belongs to the first
            of these, and the others count as included.
    """
    if not issue.translations:
        return after
    moved: dict[str, tuple[TranslationUnit, ...]] = {}
    for unit in units_in(issue):
        if unit.block is not None and (blocks := put_in(unit.block)) != unit.body:
            moved[unit.source] = tuple(replace(unit, body=(each,)) for each in blocks)

    def tied(each: TranslatedUnit) -> Iterator[TranslatedUnit]:
        first, *others = moved.get(each.source, ()) or (None,)
        yield replace(each, source=first.source) if first else each
        for unit in others:
            if unit is not None:
                yield joined_unit(unit)

    return replace(
        after,
        translations=tuple(
            replace(
                translation,
                units=spoken_first(unit for each in translation.units for unit in tied(each)),
            )
            for translation in issue.translations
        ),
    )


def with_translation(issue: Issue, translation: Translation) -> Issue:
    """Return the issue with a translation added or replaced."""
    others = tuple(each for each in issue.translations if each.language != translation.language)
    return replace(
        issue,
        translations=tuple(sorted((*others, translation), key=lambda each: each.language)),
    )


def language_conditions(issue: Issue, earlier: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the conditions for the complete translations of an issue.

    A language's condition names its tag, and more specific tags that have their own translation. It
    is neither the name of a segment nor a query. ``earlier`` are further languages, whose
    translations lack a later correction.
    """
    complete = [each.language for each in complete_translations(issue)]
    shown = tuple(dict.fromkeys((*complete, *earlier)))
    tags = (issue.tag, *shown)
    return tuple(_condition(tag, tags) for tag in shown)


def language_condition(issue: Issue, tag: str) -> str:
    """Return the condition for a translation, as if all translations were complete."""
    return _condition(tag, (issue.tag, *(each.language for each in issue.translations)))


def _condition(tag: str, tags: Iterable[str]) -> str:
    closer = closer_tags(tag, tags)
    return f"language {tag}" + (f" besides {' '.join(closer)}" if closer else "")


def read_language_condition(condition: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the tag of a language's condition, and the excluded ones; None for others."""
    read = _CONDITION.fullmatch(condition)
    if read is None:
        return None
    return read[1], tuple((read[2] or "").split())


def language_met(met: Iterable[str]) -> str:
    """Return the language of readers who meet these conditions; empty for the issue's own."""
    return next((read[0] for each in met if (read := read_language_condition(each))), "")
