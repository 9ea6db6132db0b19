"""Visibility: the readers who see a heading, and those of them who see content below it.

Both are determined from the conditions of parts, without rendering each variant of the issue. Parts
for everybody need no checks, and the others are as few as the combinations of conditions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from newsletter.issues.checks.findings import IssueField, IssuePlace
from newsletter.issues.model import (
    Block,
    Comment,
    Conditional,
    Contents,
    Heading,
    Issue,
    ThematicBreak,
)
from newsletter.issues.outline import Part, end_of, to_outline
from newsletter.issues.plain_text import inline_words
from newsletter.issues.walking import content_of, walk_parts

#: The conditions that readers must all meet to see something.
Needs = frozenset[str]

_EVERYBODY: Needs = frozenset()
#: A condition that no part has, so that nobody meets it.
_NOBODY: Needs = frozenset({""})
#: A level below that of all headings.
_DEEPEST = 7


class Extent(StrEnum):
    """The kinds of parts that can be empty: the mail, its table of contents, a heading's part."""

    MAIL = "mail"
    CONTENTS = "contents"
    HEADING = "heading"


@dataclass(frozen=True, kw_only=True, slots=True)
class PartVisibility:
    """The readers who see a part of an issue, and those who see content in it.

    Attributes:
        heading: The heading of the part; empty for the mail and the table of contents.
        needs: The conditions for seeing the part.
        content: The conditions for seeing each piece of content; none includes another.
    """

    extent: Extent
    place: IssuePlace
    heading: str = ""
    needs: Needs = _EVERYBODY
    content: frozenset[Needs]

    def is_bare(self, met: Collection[str]) -> bool:
        """Return whether readers who meet these conditions see the part without content."""
        return self.needs.issubset(met) and not any(each.issubset(met) for each in self.content)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """A block without inner blocks, with its conditions and its level, if it is a heading."""

    needs: Needs
    block: Block

    @property
    def level(self) -> int:
        return self.block.level if isinstance(self.block, Heading) else _DEEPEST

    @property
    def is_content(self) -> bool:
        return not isinstance(self.block, Heading | Comment | ThematicBreak | Contents)


def find_visibilities(issue: Issue) -> tuple[PartVisibility, ...]:
    """Return the parts that some readers may see without content, in reading order.

    Parts that are empty for all their readers are left out, since other checks report them.

    Args:
        issue: The issue in its own language, with the content of its snippets.
    """
    return tuple(each for each in _visibilities(issue) if each.content and _may_be_bare(each))


def _may_be_bare(visibility: PartVisibility) -> bool:
    return not any(each <= visibility.needs for each in visibility.content)


def _visibilities(issue: Issue) -> Iterator[PartVisibility]:
    outline = to_outline(issue)
    needs = _needs_of(outline)
    bodies = [list(_flat(issue.lead, _EVERYBODY))]
    bodies += [list(_flat(part.body, own)) for part, own in zip(outline, needs, strict=True)]
    own = [
        [shown.needs for shown in body if shown.is_content or isinstance(shown.block, Heading)]
        for body in bodies
    ]
    linked = [[each] if part.links else [] for part, each in zip(outline, needs, strict=True)]
    content = [shown.needs for body in bodies for shown in body if shown.is_content]
    yield PartVisibility(
        extent=Extent.MAIL,
        place=IssuePlace(field=IssueField.MAIL),
        content=_widest(content + [each for links in linked for each in links]),
    )
    named = [each for part, each in zip(outline, needs, strict=True) if part.heading]
    for shown in bodies[0]:
        if isinstance(shown.block, Contents):
            yield PartVisibility(
                extent=Extent.CONTENTS,
                place=IssuePlace(field=IssueField.CONTENTS),
                needs=shown.needs,
                content=_widest(named),
            )
    places = [part.place for part in walk_parts(issue)]
    yield from _subheadings(places[0], bodies[0])
    for index, (part, place) in enumerate(zip(outline, places[1:], strict=True)):
        if part.heading:
            below = needs[index + 1 : end_of(outline, index)]
            yield PartVisibility(
                extent=Extent.HEADING,
                place=place,
                heading=part.heading,
                needs=needs[index],
                content=_widest([*own[index + 1], *linked[index], *below]),
            )
        yield from _subheadings(place, bodies[index + 1])


def _needs_of(outline: Iterable[Part]) -> list[Needs]:
    """Return the conditions for seeing each part: its own and those of all parts above it."""
    found: list[Needs] = []
    above: list[tuple[int, Needs]] = []
    for part in outline:
        while above and above[-1][0] >= part.level:
            above.pop()
        needs = (above[-1][1] if above else _EVERYBODY) | ({part.condition} - {""})
        above.append((part.level, needs))
        found.append(needs)
    return found


def _flat(blocks: Iterable[Block], needs: Needs) -> Iterator[_Shown]:
    """Yield blocks without inner blocks, and blocks with content besides inner blocks."""
    for block in blocks:
        if isinstance(block, Conditional):
            inside = list(_flat(block.blocks, needs | {block.condition}))
            yield from inside
            if not any(shown.is_content or isinstance(shown.block, Heading) for shown in inside):
                # Nobody sees content in an empty block.
                yield _Shown(needs=needs | _NOBODY, block=block)
            continue
        content = content_of(block)
        if content.running or not content.within:
            yield _Shown(needs=needs, block=block)
        for inner in content.within:
            yield from _flat(inner, needs)


def _subheadings(place: IssuePlace, body: list[_Shown]) -> Iterator[PartVisibility]:
    """Yield the headings among blocks, each with the content before the next of its level."""
    starts = [index for index, shown in enumerate(body) if isinstance(shown.block, Heading)]
    for start, end in pairwise([*starts, len(body)]):
        heading = body[start]
        if not isinstance(heading.block, Heading):
            continue
        content = [shown.needs for shown in body[start + 1 : end] if shown.is_content]
        # A subheading counts as content, since a missing content of it is reported separately.
        if end < len(body) and not _ends(body[end], heading):
            content.append(body[end].needs)
        yield PartVisibility(
            extent=Extent.HEADING,
            place=place,
            heading=inline_words(heading.block.content),
            needs=heading.needs,
            content=_widest(content),
        )


def _ends(following: _Shown, heading: _Shown) -> bool:
    """Return whether a heading's part ends at the next heading for all its readers."""
    return following.level <= heading.level and following.needs <= heading.needs


def _widest(content: Iterable[Needs]) -> frozenset[Needs]:
    """Return the sets of conditions without those that include another set."""
    kept: list[Needs] = []
    for needs in sorted(set(content), key=len):
        if not any(wider <= needs for wider in kept):
            kept.append(needs)
    return frozenset(kept)
