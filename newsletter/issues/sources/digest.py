"""The plain-text digest of Japanese public newsletters: numbered chapters, 【sections】, ■items.

Each line has one of a few shapes; any other line is text of the current part, so that nothing is
dropped. Consecutive lines without an empty line are one paragraph, whose line ends are kept.
`to_text` writes the same form.

Publications use different marks at the beginning of items: `_Marks` determines their meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto
from itertools import pairwise

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.editions import check_day
from newsletter.issues.markdown.inline import link_bare_addresses
from newsletter.issues.markdown.syntax import require_bounded, require_few_headings
from newsletter.issues.model import (
    Block,
    Chapter,
    ContentsLine,
    Heading,
    Inline,
    Issue,
    Item,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    Section,
)
from newsletter.issues.plain_text import block_text
from newsletter.issues.walking import walk_parts

#: A line with only a date, in the Gregorian calendar or the era Reiwa, with weekday or "issued on".
_DATE = re.compile(
    r"^(?P<era>令和)?\s*(?P<year>(?(era)(?:元|\d{1,2})|\d{4}))\s*[./年\uff0e\uff0f-]\s*"
    r"(?P<month>\d{1,2})\s*[./月\uff0e\uff0f-]\s*(?P<day>\d{1,2})\s*+日?\s*+"
    r"(?:[(\uff08][日月火水木金土](?:曜日?)?[)\uff09])?\s*+(?:発行|配信|号)?$"
)
#: The year before the first of Reiwa.
_BEFORE_REIWA = 2018
_CHAPTER = re.compile(r"^(\d{1,2})\s?[.\uff0e、]\s?(.+)$")
_LABEL = re.compile(r"^\[([^\]]+)\]\s*(.+)$")
_SECTION = re.compile(r"^【([^】]+)】$")
#: Signs before headlines; a line of only such signs is decoration.
_SIGNS = "■□◆◇●○◎◉★☆▼▽▲△▶▷"
_MARKED = re.compile(rf"^([{_SIGNS}])\s?((?![{_SIGNS}])\S.*)$")
_POINT = re.compile(r"^[・･•]\s*(\S.*)$")
_SUBHEADING = 4
_URL = re.compile(r"^https?://\S+$")
_CREDIT = re.compile(r"^[(\uff08](?:編集|発行|文責|執筆|制作|配信)[^)\uff09]*[)\uff09]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Unplaced:
    """A line whose place in the issue was guessed."""

    line: int
    text: str


@dataclass(slots=True)
class _Text:
    """A paragraph during parsing; its lines are joined at the end, in linear time."""

    content: list[Inline]

    @classmethod
    def of(cls, line: str) -> _Text:
        return cls(content=[*link_bare_addresses(line)])

    def add(self, line: str) -> None:
        self.content += (LineBreak(), *link_bare_addresses(line))

    def as_block(self) -> Paragraph:
        return Paragraph(content=tuple(self.content))


@dataclass(slots=True)
class _Points:
    """A list during parsing."""

    points: list[_Text]

    def as_block(self) -> ListBlock:
        return ListBlock(items=tuple((point.as_block(),) for point in self.points))


@dataclass(slots=True)
class _Part:
    """A chapter, section or item during parsing."""

    heading: str
    number: int | None = None
    body: list[Heading | _Text | _Points] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    items: list[_Part] = field(default_factory=list)
    sections: list[_Part] = field(default_factory=list)

    def blocks(self) -> tuple[Block, ...]:
        return tuple(each if isinstance(each, Heading) else each.as_block() for each in self.body)

    def as_item(self) -> Item:
        return Item(headline=self.heading, body=self.blocks(), links=tuple(self.links))

    def as_section(self) -> Section:
        return Section(
            heading=self.heading,
            body=self.blocks(),
            links=tuple(self.links),
            items=tuple(part.as_item() for part in self.items),
        )

    def as_chapter(self) -> Chapter:
        return Chapter(
            heading=self.heading,
            number=self.number,
            body=self.blocks(),
            links=tuple(self.links),
            items=tuple(part.as_item() for part in self.items),
            sections=tuple(part.as_section() for part in self.sections),
        )


def looks_like_digest(text: str) -> bool:
    """Return whether a text looks like a digest: a date line, numbered or marked headings."""
    lines = text.split("\n")
    return any(_DATE.match(line.strip()) for line in lines[:12]) and any(
        _MARKED.match(line) or _SECTION.match(line) or _CHAPTER.match(line) for line in lines
    )


def read_digest(text: str, *, source: str) -> tuple[Issue, tuple[Unplaced, ...]]:
    """Return the issue of a normalised digest, and the lines whose place was guessed.

    Raises:
        ContentError: The text has no date or no title, or too many lines or headings.
    """
    require_bounded(text, source=source)
    return _Reader(text, source).read()


class _Opens(Enum):
    """The kind of part that a marked line opens."""

    SECTION = auto()
    ITEM = auto()
    HEADING = auto()
    NOTHING = auto()


class _Marks:
    """The meaning of the marks in a text, determined by their use.

    A mark opens a part if most of its lines are followed by other lines than those with the same
    mark; otherwise its lines are a list, or mean that something is the case (○) or not. ■ always
    opens a part. The first opening mark opens items; if most of its lines are directly followed by
    another opening mark, it opens sections, and the other mark opens items. Further opening marks
    are headings within items.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        marks = [match[1] if (match := _MARKED.match(line)) else "" for line in lines]
        times = Counter(filter(None, marks))
        below = Counter(mark for mark, following in pairwise(marks) if mark and mark != following)
        opening = [mark for mark in times if mark == "■" or below[mark] * 2 > times[mark]]
        self._opens = dict.fromkeys(opening, _Opens.HEADING)
        if not opening:
            return
        outer, *inner = opening
        within = Counter(
            after for mark, after in pairwise(marks) if mark == outer and after in inner
        )
        item, number = within.most_common(1)[0] if within else ("", 0)
        if number * 2 > times[outer]:
            self._opens |= {outer: _Opens.SECTION, item: _Opens.ITEM}
        else:
            self._opens[outer] = _Opens.ITEM

    def read(self, line: str) -> tuple[_Opens, str]:
        """Return the kind of part that a line opens, and the text of the line."""
        match = _MARKED.match(line)
        opens = self._opens.get(match[1], _Opens.NOTHING) if match else _Opens.NOTHING
        return opens, match[2] if match else line


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self._source = source
        lines = text.split("\n")
        self._lines = [
            (number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()
        ]
        self._indented = {at for at, line in enumerate(lines, start=1) if line[:1].isspace()}
        self._text_line = 0
        self._marks = _Marks(())
        self._lead = _Part(heading="")
        self._chapters: list[_Part] = []
        self._here = self._lead
        self._credits: list[str] = []
        self._unplaced: list[Unplaced] = []

    def read(self) -> tuple[Issue, tuple[Unplaced, ...]]:
        masthead, issue_date = self._read_date()
        title = self._read_title()
        contents = tuple(self._read_contents())
        self._marks = _Marks([line for _, line in self._lines])
        for number, line in self._lines:
            self._read_line(number, line)
        issue = Issue(
            title=title,
            issue_date=issue_date,
            masthead=masthead,
            lead=self._lead.blocks(),
            contents=contents,
            chapters=tuple(part.as_chapter() for part in self._chapters),
            credits=tuple(self._credits),
        )
        # The lead is the first part and has no heading.
        headings = sum(1 for _part in walk_parts(issue)) - 1
        require_few_headings(headings, Place(source=self._source))
        return issue, tuple(self._unplaced)

    def _read_date(self) -> tuple[str, date]:
        for index, (number, line) in enumerate(self._lines):
            if match := _DATE.match(line):
                try:
                    found = _day(match)
                except ValueError:
                    raise ContentError(
                        msg("There is no such day as {day}.", day=line),
                        place=Place(source=self._source, line=number, field="date"),
                    ) from None
                check_day(found, Place(source=self._source, line=number, field="date"))
                before = self._lines[:index]
                self._lines = self._lines[index + 1 :]
                return " ".join(text for _, text in before), found
        raise ContentError(
            msg("The issue has no date."),
            place=Place(source=self._source, field="date"),
            remedy=msg("Put the date on a line of its own near the top, such as 2021.10.21."),
        )

    def _read_title(self) -> str:
        if not self._lines:
            raise ContentError(
                msg("The issue has no subject."),
                place=Place(source=self._source, field="title"),
                remedy=msg("Put the subject on the line below the date."),
            )
        return self._lines.pop(0)[1]

    def _read_contents(self) -> Iterator[ContentsLine]:
        """Read the table of contents, whose headings are repeated later in the text."""
        if not self._lines or not _CHAPTER.match(self._lines[0][1]):
            return
        if self._lines[0][1] not in [line for _, line in self._lines[1:]]:
            return
        taken = 0
        for _, line in self._lines:
            if match := _CHAPTER.match(line):
                yield ContentsLine(text=match[2], label=match[1], level=1)
            elif match := _LABEL.match(line):
                yield ContentsLine(text=match[2], label=match[1], level=2)
            else:
                break
            taken += 1
        del self._lines[:taken]

    def _read_line(self, number: int, line: str) -> None:
        chapter = _CHAPTER.match(line)
        opens, words = self._marks.read(line)
        numbered = sum(part.number is not None for part in self._chapters)
        if chapter and int(chapter[1]) == numbered + 1 and not self._credits:
            self._here = _Part(heading=chapter[2], number=int(chapter[1]))
            self._chapters.append(self._here)
        elif match := _SECTION.match(line):
            self._here = _Part(heading=match[1])
            self._chapter().sections.append(self._here)
        elif opens is _Opens.SECTION:
            self._here = _Part(heading=words)
            self._chapter().sections.append(self._here)
        elif opens is _Opens.ITEM:
            self._here = _Part(heading=words)
            chapter_part = self._chapter()
            owner = chapter_part.sections[-1] if chapter_part.sections else chapter_part
            owner.items.append(self._here)
        elif _CREDIT.match(line):
            self._credits.append(line)
        elif self._credits:
            self._credits.append(line)
            self._unplaced.append(Unplaced(line=number, text=line))
        elif _URL.match(line) and self._here is not self._lead:
            self._here.links.append(Link(url=line))
        elif opens is _Opens.HEADING:
            self._add(Heading(level=_SUBHEADING, content=link_bare_addresses(words)))
        else:
            self._read_text(number, line)

    def _read_text(self, number: int, line: str) -> None:
        """Read a line as running text or as a list item."""
        before = self._here.body[-1] if self._here.body and not self._here.links else None
        goes_on = self._text_line == number - 1 and not _URL.match(line)
        self._text_line = 0 if _URL.match(line) else number
        point = _POINT.match(line)
        match before:
            case _Points() if goes_on and point:
                before.points.append(_Text.of(point[1]))
            case _Points() if goes_on and number in self._indented:
                before.points[-1].add(line)
            case _Text() if goes_on and not point:
                before.add(line)
            case _ if point:
                self._add(_Points(points=[_Text.of(point[1])]))
            case _:
                self._add(_Text.of(line))

    def _add(self, block: Heading | _Text | _Points) -> None:
        """Add a block; URLs that are followed by text are kept before it."""
        self._here.body.extend(_Text.of(link.url) for link in self._here.links)
        self._here.links.clear()
        self._here.body.append(block)

    def _chapter(self) -> _Part:
        """Return the current chapter; for items before any chapter, open one without heading."""
        if not self._chapters:
            self._chapters.append(_Part(heading=""))
        return self._chapters[-1]


def _day(written: re.Match[str]) -> date:
    year = 1 if written["year"] == "元" else int(written["year"])
    if written["era"]:
        year += _BEFORE_REIWA
    return date(year, int(written["month"]), int(written["day"]))


def to_text(issue: Issue) -> str:
    """Return an issue in the digest form, paragraphs unwrapped, with empty lines between parts."""
    return "\n\n".join(_text_parts(issue)) + "\n"


def _text_parts(issue: Issue) -> Iterator[str]:
    if issue.masthead:
        yield issue.masthead
    yield f"{issue.issue_date:%Y.%m.%d}"
    yield issue.title
    if issue.contents:
        yield "\n".join(map(_contents_text, issue.contents))
    yield from map(_body_text, issue.lead)
    for chapter in issue.chapters:
        if chapter.heading:
            yield f"{chapter.number}.{chapter.heading}" if chapter.number else chapter.heading
        yield from map(_body_text, chapter.body)
        yield from (link.url for link in chapter.links)
        yield from map(_item_text, chapter.items)
        for section in chapter.sections:
            yield f"【{section.heading}】"
            yield from map(_body_text, section.body)
            yield from (link.url for link in section.links)
            yield from map(_item_text, section.items)
    yield from issue.credits


def _contents_text(line: ContentsLine) -> str:
    if line.level == 1:
        return f"{line.label}.{line.text}" if line.label else line.text
    return f"[{line.label}] {line.text}"


def _body_text(block: Block) -> str:
    mark = "◆" if isinstance(block, Heading) else ""
    return mark + block_text(block)


def _item_text(item: Item) -> str:
    return "\n".join(
        [
            f"■{item.headline}",
            *filter(None, ["\n\n".join(map(_body_text, item.body))]),
            *(link.url for link in item.links),
        ]
    )
