"""The difference between two versions of an issue, block by block and word by word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher, get_close_matches
from enum import StrEnum
from itertools import groupby

from newsletter.i18n.language import Language, language_name
from newsletter.i18n.messages import Message, msg
from newsletter.issues.alignment import opcodes
from newsletter.issues.merging import FIELDS, Conflict, Unit, align, units_of
from newsletter.issues.model import Block, Gallery, Issue, Picture, TranslatedUnit
from newsletter.issues.outline import Part
from newsletter.issues.plain_text import shortened
from newsletter.issues.translation_units import TranslationUnit, units_in
from newsletter.issues.walking import first_words, walk_parts
from newsletter.issues.wording import (
    BETWEEN_CELLS,
    FIELD_NAMES,
    TextLine,
    field_text,
    kind_of,
    lines_of,
)

#: A word, or a run of one script in languages without spaces.
_WORD = re.compile(
    r"[A-Za-z0-9\u00c0-\u024f'’]+|[々〆\u3400-\u9fff]+|[\u3041-\u309f]+|[\u30a1-\u30ff]+|.",
    re.DOTALL,
)
#: The number of characters by which a change is named.
_BEGINS = 40
#: The maximum number of pairs of equal words in two texts that are compared word by word.
_MOST_PAIRS = 50_000
#: The same for all texts of an issue together.
_MOST_PAIRS_IN_ALL = 100_000
#: The maximum number of pairs of units that are compared to match changed originals.
_MOST_TRANSLATED = 400
#: The number of characters by which an original is matched.
_TOLD_BY = 200
#: The minimum share of the longer text that must be equal for a word-by-word difference.
_LEAST_ALIKE = 0.3

#: A run of a text, and whether it differs from the other text.
Run = tuple[str, bool]


class WordChange(StrEnum):
    """The change of a run of words."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A run of words of either version of a text."""

    changed: WordChange
    text: str


class Change(StrEnum):
    """The change of a field or block."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, kw_only=True, slots=True)
class DifferenceLine:
    """A line of a block, with a label if needed.

    Attributes:
        tag: The BCP 47 tag of its text; empty if it is in the user's language, such as dates.
    """

    label: Message | None
    pieces: tuple[Piece, ...]
    tag: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedPicture:
    """A picture of either version."""

    changed: WordChange
    source: str
    alt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A field or block of either version, with its change.

    Attributes:
        kind: The name of its kind.
        heading: Whether it is the heading of a chapter, section or item.
        form_only: Whether only its formatting changed, and not its words.
        pictures: Its pictures, before and after.
    """

    change: Change
    kind: Message
    lines: tuple[DifferenceLine, ...]
    heading: bool = False
    form_only: bool = False
    pictures: tuple[ComparedPicture, ...] = ()

    @property
    def is_moved_and_changed(self) -> bool:
        """Whether it was both moved and changed."""
        changes = {piece.changed for line in self.lines for piece in line.pieces}
        changes |= {picture.changed for picture in self.pictures}
        changed = self.form_only or bool(changes - {WordChange.SAME})
        return self.change is Change.MOVED and changed


@dataclass(frozen=True, kw_only=True, slots=True)
class DifferenceGroup:
    """Consecutive fields or blocks that are all changed, or all unchanged.

    Attributes:
        under: The heading above the first, if that is not in the group.
    """

    same: bool
    differences: tuple[Difference, ...]
    under: str = ""


def count_changes(groups: Iterable[DifferenceGroup]) -> int:
    """Return the number of changed blocks and fields."""
    return sum(len(group.differences) for group in groups if not group.same)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedWords:
    """A one-line summary of the changes between two versions.

    Attributes:
        begins: The first words of the first new text, or else of the first removed one.
        others: The number of further changed texts.
    """

    begins: str
    others: int


def changed_words(before: Issue, after: Issue) -> ChangedWords | None:
    """Return a summary of the changes between two versions; None if there are none."""
    old, new = Counter(_texts(before)), Counter(_texts(after))
    added, gone = new - old, old - new
    first = next((text for text in _texts(after) if text in added), None)
    first = first or next((text for text in _texts(before) if text in gone), None)
    if first is None:
        return None
    words = first if isinstance(first, str) else first_words(first, most=2 * _BEGINS)
    return ChangedWords(
        begins=shortened(words, _BEGINS), others=max(added.total(), gone.total()) - 1
    )


def _texts(issue: Issue) -> Iterator[str | Block]:
    """Yield the fields, headings and blocks of an issue."""
    yield from (issue.title, issue.preheader, issue.issue_date.isoformat(), issue.number or "")
    for part in walk_parts(issue):
        yield part.place.heading
        yield from part.body


def compare_issues(before: Issue, after: Issue, language: Language) -> tuple[DifferenceGroup, ...]:
    """Return both versions as one sequence, in order; empty if they are equal.

    Removed parts are at their former position. Texts that are too long, or too many, for comparing
    word by word are shown as replaced.

    Args:
        before: The older version.
        after: The newer version.
        language: The user's language, for dates and names of languages.
    """
    budget = _Budget(_MOST_PAIRS_IN_ALL)
    found = [
        *_fields(before, after, language, budget),
        *_blocks(before, after, language, budget),
        *_translations(before, after, language, budget),
    ]
    if all(each.change is Change.SAME for each, _ in found):
        return ()
    groups: list[DifferenceGroup] = []
    for same, run in groupby(found, key=lambda pair: pair[0].change is Change.SAME):
        members = tuple(run)
        under = "" if members[0][0].heading else members[0][1]
        groups.append(
            DifferenceGroup(same=same, differences=tuple(e for e, _ in members), under=under)
        )
    return tuple(groups)


class _Budget:
    """The remaining number of pairs of equal words that may be compared."""

    def __init__(self, pairs: int) -> None:
        self.pairs = pairs

    def grants(self, pairs: int) -> bool:
        """Take from the budget; return False if too few are left."""
        if pairs > min(self.pairs, _MOST_PAIRS):
            return False
        self.pairs -= pairs
        return True


def _fields(
    before: Issue, after: Issue, language: Language, budget: _Budget
) -> Iterator[tuple[Difference, str]]:
    for name in FIELDS:
        old, new = (field_text(issue, name, language) for issue in (before, after))
        if old or new:
            lines, new_lines = ([TextLine(text=text)] if text else [] for text in (old, new))
            yield _difference(FIELD_NAMES[name], lines, new_lines, budget), ""


def _blocks(
    before: Issue, after: Issue, language: Language, budget: _Budget
) -> Iterator[tuple[Difference, str]]:
    heading = ""
    for old, new, moved in align(*units_of(before, after)):
        shown = new if new is not None else old
        if isinstance(shown, Part):
            heading = shown.heading
        for each in _unit(old, new, language, budget, moved=moved):
            yield replace(each, lines=_in_language(after.tag, each.lines)), heading


def _in_language(tag: str, lines: Sequence[DifferenceLine]) -> tuple[DifferenceLine, ...]:
    return tuple(replace(line, tag=tag) for line in lines)


def _unit(
    old: Unit | None, new: Unit | None, language: Language, budget: _Budget, *, moved: bool
) -> Iterator[Difference]:
    if old is not None and new is not None and type(old) is not type(new):
        yield from _unit(old, None, language, budget, moved=False)
        yield from _unit(None, new, language, budget, moved=False)
        return
    shown = new if new is not None else old
    if shown is None:
        return
    lines, new_lines = (lines_of(each, language) if each else [] for each in (old, new))
    found = _difference(kind_of(shown), lines, new_lines, budget)
    change = _change(old, new, moved=moved)
    pictures = tuple(_pictures(old, new))
    is_shown = found.change is not Change.SAME or any(
        each.changed is not WordChange.SAME for each in pictures
    )
    yield Difference(
        change=change,
        kind=found.kind,
        lines=found.lines,
        heading=isinstance(shown, Part),
        form_only=None not in (old, new) and old != new and not is_shown,
        pictures=pictures,
    )


def _pictures(old: Unit | None, new: Unit | None) -> Iterator[ComparedPicture]:
    before, after = (_pictures_of(each) for each in (old, new))
    matcher = SequenceMatcher(None, [p.source for p in before], [p.source for p in after])
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            for each in before[start:end]:
                yield ComparedPicture(changed=WordChange.REMOVED, source=each.source, alt=each.alt)
        changed = WordChange.SAME if tag == "equal" else WordChange.ADDED
        for each in after[new_start:new_end]:
            yield ComparedPicture(changed=changed, source=each.source, alt=each.alt)


def _pictures_of(unit: Unit | None) -> tuple[Picture, ...]:
    if isinstance(unit, Gallery):
        return unit.pictures
    return (unit,) if isinstance(unit, Picture) else ()


def _translations(
    before: Issue, after: Issue, language: Language, budget: _Budget
) -> Iterator[tuple[Difference, str]]:
    """Yield the changes of translations, without unchanged units."""
    originals = {unit.source: unit for issue in (before, after) for unit in units_in(issue)}
    said = [{each.language: each.units for each in issue.translations} for issue in (before, after)]
    for tag in dict.fromkeys([*said[1], *said[0]]):
        name = language_name(tag, language) or tag
        kind = msg("Translation: {language}", language=name)
        for old, new in _translated(*(each.get(tag, ()) for each in said)):
            shown = new or old
            if shown is None:
                continue
            lines, new_lines = (_translated_lines(each, language) for each in (old, new))
            found = _difference(kind, lines, new_lines, budget)
            if found.change is not Change.SAME:
                original = _original(originals.get(shown.source), shown, language)
                lines_in = (replace(original, tag=after.tag), *_in_language(tag, found.lines))
                yield replace(found, lines=lines_in), ""


def _translated(
    before: tuple[TranslatedUnit, ...], after: tuple[TranslatedUnit, ...]
) -> Iterator[tuple[TranslatedUnit | None, TranslatedUnit | None]]:
    """Yield pairs of units, before and after; changed originals are matched by similarity."""
    old = {each.source: each for each in before}
    kept = {each.source for each in after}
    gone = [each for each in before if each.source not in kept]
    few = len(gone) * sum(each.source not in old for each in after) <= _MOST_TRANSLATED
    for new in after:
        if new.source in old:
            yield old[new.source], new
            continue
        texts = [each.original[:_TOLD_BY] for each in gone] if few else []
        found = get_close_matches(new.original[:_TOLD_BY], texts, n=1)
        was = gone[texts.index(found[0])] if found else None
        if was is not None:
            gone.remove(was)
        yield was, new
    yield from ((each, None) for each in gone)


def _translated_lines(unit: TranslatedUnit | None, language: Language) -> list[TextLine]:
    if unit is None:
        return []
    text = [TextLine(text=unit.text)] if unit.text else []
    return [
        *text,
        *(line for each in (*unit.body, *unit.links) for line in lines_of(each, language)),
    ]


def _original(
    unit: TranslationUnit | None, translated: TranslatedUnit, language: Language
) -> DifferenceLine:
    parts = (*unit.body, *unit.links) if unit else ()
    lines = [line.text for each in parts for line in lines_of(each, language)]
    text = "\n".join(lines) or (unit.text if unit else translated.original)
    return DifferenceLine(
        label=msg("Original"), pieces=(Piece(changed=WordChange.SAME, text=text),)
    )


def _change(old: Unit | None, new: Unit | None, *, moved: bool) -> Change:
    if old is None:
        return Change.ADDED
    if new is None:
        return Change.REMOVED
    if moved:
        return Change.MOVED
    return Change.SAME if old == new else Change.CHANGED


def _difference(
    kind: Message, old: Sequence[TextLine], new: Sequence[TextLine], budget: _Budget
) -> Difference:
    """Return the difference of two versions of a block, either of which may be missing."""
    if not old or not new:
        whole = tuple(_line(each, WordChange.SAME) for each in (*old, *new))
        change = Change.SAME if not old and not new else Change.REMOVED if old else Change.ADDED
        return Difference(change=change, kind=kind, lines=whole)
    lines = tuple(_lines(old, new, budget))
    changed = any(p.changed is not WordChange.SAME for line in lines for p in line.pieces)
    return Difference(change=Change.CHANGED if changed else Change.SAME, kind=kind, lines=lines)


def _lines(
    old: Sequence[TextLine], new: Sequence[TextLine], budget: _Budget
) -> Iterator[DifferenceLine]:
    for tag, start, end, new_start, new_end in opcodes(old, new, grants=budget.grants):
        gone, come = list(old[start:end]), list(new[new_start:new_end])
        if tag == "equal":
            yield from (_line(each, WordChange.SAME) for each in come)
            continue
        while gone and come and gone[0].label == come[0].label:
            was, now = gone.pop(0), come.pop(0)
            yield DifferenceLine(label=now.name, pieces=_line_pieces(was, now, budget))
        yield from (_line(each, WordChange.REMOVED) for each in gone)
        yield from (_line(each, WordChange.ADDED) for each in come)


def _line(line: TextLine, changed: WordChange) -> DifferenceLine:
    return DifferenceLine(label=line.name, pieces=(Piece(changed=changed, text=line.text),))


def _line_pieces(before: TextLine, after: TextLine, budget: _Budget) -> tuple[Piece, ...]:
    """Return the difference of two lines; rows with the same number of cells, cell by cell."""
    if not before.cells or len(before.cells) != len(after.cells):
        return _pieces(before.text, after.text, budget)
    found: list[Piece] = []
    for old, new in zip(before.cells, after.cells, strict=True):
        if found:
            found.append(Piece(changed=WordChange.SAME, text=BETWEEN_CELLS))
        found += _pieces(old, new, budget)
    return tuple(found)


def _pieces(before: str, after: str, budget: _Budget) -> tuple[Piece, ...]:
    found = _compared(before, after, budget)
    same = sum(len(each.text) for each in found if each.changed is WordChange.SAME)
    if same >= _LEAST_ALIKE * max(len(before), len(after)):
        return found
    return tuple(
        Piece(changed=changed, text=text)
        for changed, text in ((WordChange.REMOVED, before), (WordChange.ADDED, after))
        if text
    )


def pieces_of_change(before: str, after: str) -> tuple[Piece, ...]:
    """Return the difference of two texts as pieces, removed ones before added ones."""
    return _compared(before, after, _Budget(_MOST_PAIRS))


def compare_conflict(
    conflict: Conflict, issue: Issue, language: Language
) -> tuple[list[Run], list[Run]]:
    """Return the other version and mine as runs, with differing ones marked.

    The runs are the text that readers see; if no run is marked, only the formatting differs.

    Args:
        conflict: The conflicting field or block.
        issue: Either version of the whole issue.
        language: The language of the user who decides.
    """
    theirs, mine = (_said(conflict, issue, language, mine=mine) for mine in (False, True))
    pieces = pieces_of_change(theirs, mine)
    return (
        [
            (p.text, p.changed is WordChange.REMOVED)
            for p in pieces
            if p.changed is not WordChange.ADDED
        ],
        [
            (p.text, p.changed is WordChange.ADDED)
            for p in pieces
            if p.changed is not WordChange.REMOVED
        ],
    )


def _said(conflict: Conflict, issue: Issue, language: Language, *, mine: bool) -> str:
    """Return the text of a field or block; empty if it does not exist."""
    version, name = conflict.mine if mine else conflict.theirs, conflict.name
    if version is None or name == "template":
        return str(version or "")
    if name:
        return field_text(replace(issue, **{name: version}), name, language)
    return "\n".join(
        f"{line.name.in_language(language)} {line.text}" if line.name else line.text
        for line in lines_of(version, language)
    )


def _compared(before: str, after: str, budget: _Budget) -> tuple[Piece, ...]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    found: list[Piece] = []
    for tag, start, end, new_start, new_end in opcodes(old, new, grants=budget.grants):
        removed, added = "".join(old[start:end]), "".join(new[new_start:new_end])
        if tag == "equal":
            found.append(Piece(changed=WordChange.SAME, text=removed))
            continue
        pair = (WordChange.REMOVED, removed), (WordChange.ADDED, added)
        found += (Piece(changed=changed, text=text) for changed, text in pair if text)
    return tuple(found)
