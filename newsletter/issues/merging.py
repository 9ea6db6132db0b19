"""Three-way merge of two versions of an issue with a common base, block by block.

Blocks are identified by their position in the base. A block that only one version changed, moved,
added or removed is taken from that version. If both changed the same block differently, the user
decides. Nothing is saved before all conflicts are resolved, so nothing is lost.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any, TypeVar, get_args

from newsletter.issues.alignment import opcodes
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import (
    Anchor,
    Block,
    ContentsLine,
    Issue,
    Link,
    Paragraph,
    Text,
)
from newsletter.issues.outline import (
    Level,
    Outline,
    Part,
    counts_from_one,
    renumbered,
    to_outline,
    with_outline,
)
from newsletter.issues.walking import content_of

#: A block, the head of a part (without body and links), or a link below a part.
Unit = Block | Part | Link
#: The maximum number of pairs of blocks that are compared between two unchanged ones.
_MOST_PAIRS = 2_500
#: Below this cost, a unit that was removed in one place and added in another is moved and changed.
_MOVED = 0.9
#: The minimum similarity for blocks of different kinds to count as one changed block.
_ALIKE = 0.5
#: Fields of an issue that are merged as a whole. Translations are edited separately.
FIELDS = (
    "title",
    "issue_date",
    "language",
    "language_tag",
    "masthead",
    "number",
    "preheader",
    "contents",
    "credits",
    "undated",
)
_T = TypeVar("_T")
_BLOCKS = get_args(get_args(Block)[0])


class KeptVersion(StrEnum):
    """The version of a block to keep."""

    THEIRS = "theirs"
    MINE = "mine"
    BOTH = "both"


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """An issue with its template."""

    issue: Issue
    template: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """A block or field that both versions changed differently; None for a removed one.

    Attributes:
        key: An identifier that stays the same while these two versions do.
        name: The field of the issue, or ``template``; empty for a block.
        part: The heading above the block.
    """

    key: str
    base: Any
    theirs: Any
    mine: Any
    name: str = ""
    part: str = ""

    @property
    def choices(self) -> tuple[KeptVersion, ...]:
        """The possible choices; ``BOTH`` only for two blocks, which are then put in sequence."""
        one = isinstance(self.theirs, Part) or isinstance(self.mine, Part)
        if self.name or one or self.theirs is None or self.mine is None:
            return (KeptVersion.THEIRS, KeptVersion.MINE)
        return tuple(KeptVersion)

    def kept(self, choice: KeptVersion) -> tuple[Any, ...]:
        """Return the units that a choice keeps, theirs first."""
        found = {
            KeptVersion.THEIRS: (self.theirs,),
            KeptVersion.MINE: (self.mine,),
            KeptVersion.BOTH: (self.theirs, self.mine),
        }[choice if choice in self.choices else KeptVersion.MINE]
        return found if self.name else tuple(each for each in found if each is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """The result of a merge, with its conflicts."""

    fields: Mapping[str, Any]
    flow: tuple[Unit | Conflict, ...]
    base: Issue
    counted: bool = field(default=False)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The conflicts, in order."""
        every = (*self.fields.values(), *self.flow)
        return tuple(each for each in every if isinstance(each, Conflict))

    def open(self, choices: Mapping[str, KeptVersion]) -> tuple[Conflict, ...]:
        """Return the conflicts without a choice."""
        return tuple(each for each in self.conflicts if each.key not in choices)

    def resolved(self, choices: Mapping[str, KeptVersion]) -> Version:
        """Return the merged version.

        Raises:
            KeyError: A conflict has no choice.
        """
        held: dict[str, Any] = {
            name: value.kept(choices[value.key])[0] if isinstance(value, Conflict) else value
            for name, value in self.fields.items()
        }
        units: list[Unit] = []
        for each in self.flow:
            units.extend(each.kept(choices[each.key]) if isinstance(each, Conflict) else (each,))
        template = held.pop("template")
        issue = _from_flow(replace(self.base, **held), units, counted=self.counted)
        return Version(issue=issue, template=template)


def merge(base: Version, theirs: Version, mine: Version) -> Merge:
    """Merge two versions that are both derived from ``base``.

    A block that one version moved and the other changed is both moved and changed. If both added
    blocks at the same place, theirs come first, and equal ones are kept once. Chapters that are
    numbered from 1 in all three versions are numbered again.
    """
    three = (base, theirs, mine)
    named: dict[str, Any] = {
        name: _merge_field(name, *(getattr(each.issue, name) for each in three)) for name in FIELDS
    }
    named["template"] = _merge_field("template", *(each.template for each in three))
    counted = all(counts_from_one(to_outline(each.issue)) for each in three)
    flows = [_to_flow(each.issue, counted=counted) for each in three]
    return Merge(
        fields=named,
        flow=tuple(_with_places(_merge_flow(*flows))),
        base=theirs.issue,
        counted=counted,
    )


def units_of(before: Issue, after: Issue) -> tuple[list[Unit], list[Unit]]:
    """Return the units of two versions; if both number chapters from 1, the numbers are 0."""
    counted = all(counts_from_one(to_outline(each)) for each in (before, after))
    return _to_flow(before, counted=counted), _to_flow(after, counted=counted)


def align(
    before: Sequence[Unit], after: Sequence[Unit]
) -> Iterator[tuple[Unit | None, Unit | None, bool]]:
    """Yield pairs of corresponding units, and whether the unit was moved.

    The order is that of ``after``, with removed units at their former position. A removed unit that
    is similar to an added one elsewhere counts as moved and changed.
    """
    side = _changes(before, after)
    moved = {place: index for index, place in side.moved.items()}
    moved |= {place: index for index, place in _moved_and_changed(before, side)}
    gone = frozenset(moved.values())
    for gap in range(len(before) + 1):
        for place, unit in enumerate(side.added[gap]):
            index = moved.get((gap, place))
            yield (None if index is None else before[index]), unit, index is not None
        if gap < len(before) and gap not in gone:
            yield before[gap], side.outcome[gap], False


def _moved_and_changed(
    before: Sequence[Unit], side: _Side
) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the units that were moved and changed, with new position; the most similar first."""
    removed = [
        index for index, unit in enumerate(side.outcome) if unit is None and index not in side.moved
    ]
    known = frozenset(side.moved.values())
    added = [
        (gap, place)
        for gap, units in enumerate(side.added)
        for place in range(len(units))
        if (gap, place) not in known
    ]
    if len(removed) * len(added) > _MOST_PAIRS:
        return
    texts = {index: written(before[index]) for index in removed}
    new_texts = {(gap, place): written(side.added[gap][place]) for gap, place in added}
    costs = sorted(
        (_cost(before[index], side.added[at[0]][at[1]], texts[index], new_texts[at]), index, at)
        for index in removed
        for at in added
        if type(before[index]) is type(side.added[at[0]][at[1]])
    )
    taken: set[int | tuple[int, int]] = set()
    for cost, index, at in costs:
        if cost < _MOVED and not taken & {index, at}:
            taken |= {index, at}
            yield index, at


def written(unit: object) -> str:
    """Return a unit as text for comparison: Markdown, a heading, or a link's text."""
    match unit:
        case Part(heading=heading, condition=condition):
            marked = f"{'#' * unit.level} {heading}"
            return f"{marked} {{{condition}}}" if condition else marked
        case Link(url=url, label=label):
            return f"{label} <{url}>" if label else url
        case tuple():
            return "\n".join(map(written, unit))
        case ContentsLine(text=text, label=label):
            return f"{label} {text}".strip()
        case _ if isinstance(unit, _BLOCKS):
            return blocks_to_markdown((unit,)).strip()
        case _:
            return "" if unit is None else str(unit)


def _merge_field(name: str, base: _T, theirs: _T, mine: _T) -> _T | Conflict:
    if theirs in (mine, base):
        return mine
    if mine == base:
        return theirs
    return _conflict(base, theirs, mine, name=name)


def _conflict(base: object, theirs: object, mine: object, *, name: str = "") -> Conflict:
    digest = hashlib.sha256(repr((name, base, theirs, mine)).encode()).hexdigest()[:16]
    return Conflict(key=digest, base=base, theirs=theirs, mine=mine, name=name)


def _to_flow(issue: Issue, *, counted: bool) -> list[Unit]:
    """Return an issue's units in order; automatic chapter numbers are 0."""
    flow: list[Unit] = list(issue.lead)
    for part in to_outline(issue):
        number = 0 if counted and part.number is not None else part.number
        flow.append(replace(part, body=(), links=(), number=number))
        flow.extend((*part.body, *part.links))
    return flow


def _from_flow(issue: Issue, flow: Sequence[Unit], *, counted: bool) -> Issue:
    lead: list[Block] = []
    parts: list[Part] = []
    for unit in flow:
        if isinstance(unit, Part):
            parts.append(unit)
        elif isinstance(unit, Link):
            if parts:
                parts[-1] = replace(parts[-1], links=(*parts[-1].links, unit))
            else:
                lead.append(_as_paragraph(unit))
        elif parts:
            parts[-1] = replace(parts[-1], body=(*parts[-1].body, unit))
        else:
            lead.append(unit)
    outline: Outline = tuple(parts)
    if counted:
        outline = renumbered((Part(level=Level.CHAPTER, number=1),), outline)
    return with_outline(replace(issue, lead=tuple(lead)), outline)


def _as_paragraph(link: Link) -> Paragraph:
    """Return a link as a paragraph, for use before the first heading, which has no links."""
    words = (Text(text=link.label or link.url),)
    return Paragraph(content=(Anchor(url=link.url, content=words),))


@dataclass(frozen=True, slots=True)
class _Side:
    """One version's changes: of each unit of the base, and additions before each and at the end."""

    outcome: list[Unit | None]
    added: list[list[Unit]]
    #: New positions of moved units of the base: the gap, and the index in it.
    moved: dict[int, tuple[int, int]]


def _merge_flow(
    base: Sequence[Unit], theirs: Sequence[Unit], mine: Sequence[Unit]
) -> Iterator[Unit | Conflict]:
    ours, own = _changes(base, theirs), _changes(base, mine)
    _carry_moves(base, ours, own)
    for index, unit in enumerate(base):
        yield from _joined(ours.added[index], own.added[index])
        yield from _merge_unit(unit, ours.outcome[index], own.outcome[index])
    yield from _joined(ours.added[-1], own.added[-1])


def _merge_unit(base: Unit, theirs: Unit | None, mine: Unit | None) -> Iterator[Unit | Conflict]:
    if theirs in (mine, base):
        kept: Unit | Conflict | None = mine
    elif mine == base:
        kept = theirs
    else:
        kept = _merge_within(base, theirs, mine) or _conflict(base, theirs, mine)
    if kept is not None:
        yield kept


def _merge_within(base: Unit, theirs: Unit | None, mine: Unit | None) -> Unit | None:
    """Return a unit of which both versions changed different parts; None if this is impossible."""
    if isinstance(base, Link) or not type(base) is type(theirs) is type(mine):
        return None
    if not isinstance(base, Part) and not content_of(base).within:
        return None
    held: dict[str, Any] = {}
    for each in fields(base):
        values = (getattr(unit, each.name) for unit in (base, theirs, mine))
        merged = _merge_piece(*values)
        if isinstance(merged, Conflict):
            return None
        held[each.name] = merged
    return replace(base, **held)


def _merge_piece(base: object, theirs: object, mine: object) -> object:
    if theirs in (mine, base) or mine == base:
        return _merge_field("", base, theirs, mine)
    if not (isinstance(base, tuple) and isinstance(theirs, tuple) and isinstance(mine, tuple)):
        return _conflict(base, theirs, mine)
    pieces = tuple(_merge_flow(base, theirs, mine))
    emptied = () if pieces or not (theirs and mine) else (_conflict(base, theirs, mine),)
    return next((each for each in (*pieces, *emptied) if isinstance(each, Conflict)), pieces)


def _carry_moves(base: Sequence[Unit], theirs: _Side, mine: _Side) -> None:
    """Apply the changes of one version to blocks that the other one moved."""
    for side, other in ((theirs, mine), (mine, theirs)):
        for index, (gap, place) in side.moved.items():
            changed = other.outcome[index]
            if index in other.moved:
                continue
            if changed is not None and changed != base[index]:
                side.added[gap][place] = changed
                other.outcome[index] = None
    # Moved by both: their position is taken.
    for index in theirs.moved.keys() & mine.moved.keys():
        if theirs.moved[index][0] != mine.moved[index][0]:
            gap, place = mine.moved[index]
            mine.added[gap][place] = _GONE
    for gap, added in enumerate(mine.added):
        mine.added[gap] = [unit for unit in added if unit is not _GONE]


_GONE = Part(level=Level.ITEM, heading="\0")


def _joined(theirs: Sequence[Unit], mine: Sequence[Unit]) -> Iterator[Unit]:
    """Yield the additions of both versions at one place, theirs first, without duplicates."""
    yield from theirs
    known = Counter(theirs)
    for unit in mine:
        if known[unit]:
            known[unit] -= 1
        else:
            yield unit


def _changes(base: Sequence[Unit], changed: Sequence[Unit]) -> _Side:
    """Return the changes of a version relative to the base."""
    side = _Side([None] * len(base), [[] for _ in range(len(base) + 1)], {})
    numbers: dict[Unit, int] = {}
    old, new = ([numbers.setdefault(unit, len(numbers)) for unit in run] for run in (base, changed))
    found = list(opcodes(old, new))
    gone = Counter(
        unit for tag, start, end, *_ in found if tag != "equal" for unit in base[start:end]
    )
    for tag, start, end, new_start, new_end in found:
        if tag == "equal":
            side.outcome[start:end] = base[start:end]
            continue
        gap = start
        here = Counter(base[start:end])
        for index, unit in _pairs(base[start:end], changed[new_start:new_end]):
            if index is not None and unit != base[start + index] and gone[unit] > here[unit]:
                # The unit was removed elsewhere, so it was moved, and is not a changed other one.
                side.added[gap].append(unit)
                gone[unit] -= 1
                continue
            if index is None:
                side.added[gap].append(unit)
            else:
                side.outcome[start + index] = unit
                gap = start + index + 1
    _find_moves(base, side)
    return side


def _find_moves(base: Sequence[Unit], side: _Side) -> None:
    removed: dict[Unit, list[int]] = {}
    for index, unit in enumerate(base):
        if side.outcome[index] is None:
            removed.setdefault(unit, []).append(index)
    for gap, added in enumerate(side.added):
        for place, unit in enumerate(added):
            if removed.get(unit):
                side.moved[removed[unit].pop(0)] = (gap, place)


def _pairs(old: Sequence[Unit], new: Sequence[Unit]) -> Iterator[tuple[int | None, Unit]]:
    """Yield each new unit with its old one, so that the total cost is minimal."""
    if len(old) * len(new) > _MOST_PAIRS:
        for place, unit in enumerate(new):
            same = place < len(old) and type(old[place]) is type(unit)
            yield (place if same else None), unit
        return
    texts = [[written(unit) for unit in run] for run in (old, new)]
    # Minimal costs of turning old[i:] into new[j:]; removing or adding a unit costs 1.
    costs = [
        [float(len(old) - i + len(new) - j) for j in range(len(new) + 1)]
        for i in range(len(old) + 1)
    ]
    turned = {
        (i, j): _cost(old[i], new[j], texts[0][i], texts[1][j])
        for i in range(len(old))
        for j in range(len(new))
    }
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            costs[i][j] = min(
                turned[i, j] + costs[i + 1][j + 1], 1 + costs[i + 1][j], 1 + costs[i][j + 1]
            )
    i = j = 0
    while j < len(new):
        if i < len(old) and costs[i][j] == turned[i, j] + costs[i + 1][j + 1]:
            yield i, new[j]
            i, j = i + 1, j + 1
        elif i < len(old) and costs[i][j] == 1 + costs[i + 1][j]:
            i += 1
        else:
            yield None, new[j]
            j += 1


def _cost(old: Unit, new: Unit, old_text: str, new_text: str) -> float:
    """Return the cost of treating one unit as the changed other one; 3 if that is impossible."""
    if old == new:
        return 0.0
    if isinstance(old, Part) is not isinstance(new, Part):
        return 3.0
    alike = SequenceMatcher(None, old_text[:400], new_text[:400]).quick_ratio()
    if type(old) is not type(new) and alike < _ALIKE:
        return 3.0
    return 1.5 - alike


def _with_places(flow: Iterator[Unit | Conflict]) -> Iterator[Unit | Conflict]:
    """Yield the flow with the heading added to each conflict, and with unique keys."""
    heading, seen = "", Counter[str]()
    for each in flow:
        if isinstance(each, Part):
            heading = each.heading
        elif isinstance(each, Conflict):
            count = seen[each.key]
            seen[each.key] += 1
            key = f"{each.key}-{count}" if count else each.key
            heading = each.theirs.heading if isinstance(each.theirs, Part) else heading
            yield replace(each, key=key, part=heading)
            continue
        yield each
