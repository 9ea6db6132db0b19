"""Preflight of markup: signs that will reach readers as they stand, and were probably not meant to.

Nothing of an issue is dropped, so what Markdown does not read goes out as it was typed: tags of
HTML, fields of other systems, marks that found no partner. Each is named as it stands, so that its
line can be found. Code is left out: there, signs are meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from urllib.parse import unquote

from newsletter.i18n.messages import msg
from newsletter.issues.checks.findings import Finding, IssuePlace, Severity
from newsletter.issues.checks.markup_kinds import (
    BARE,
    CUT,
    KINDS,
    SWALLOWED,
    SignKind,
    find_placeholders,
)
from newsletter.issues.markdown.inline import target_of
from newsletter.issues.model import (
    Emphasis,
    Footnote,
    Inline,
    Issue,
    LineBreak,
    Paragraph,
    Strikethrough,
    Strong,
    Text,
)
from newsletter.issues.plain_text import inline_words
from newsletter.issues.rewriting import with_blocks
from newsletter.issues.walking import (
    running_texts,
    walk_blocks,
    walk_parts,
    walk_passages,
    walk_urls,
)

#: How many signs a finding shows, and how many of their characters.
_EXAMPLES, _SHOWN = 3, 60
#: Columns of lines that a program wrapped, and how far they differ.
_WRAPPED, _SPREAD, _LINES = range(55, 101), 16, 3
#: From here on characters are two columns wide, near enough for telling wrapped lines.
_WIDE_FROM = 0x2E80
#: Words of scripts that part them by blanks: Latin, Greek, Cyrillic.
_LAST_WORD = re.compile(r"[A-Za-zÀ-ɏͰ-ӿ]+\Z")
_FIRST_WORD = re.compile(r"[A-Za-zÀ-ɏͰ-ӿ]+")
_IN_WORD = re.compile(r"[A-Za-z0-9À-ɏͰ-ӿ]")
_OPENING, _CLOSING = "(（[［「『【〔〈《“", ")）]］」』】〕〉》”"
#: What parts words, and so begins none: "8日*・15日*".
_SEPARATORS = tuple("、。，．,;:；：・/／!?！？")
#: Where a name within a path begins: "/srv/www/_new_/", "C:\\data\\_old_".
_PATH = re.compile(r"[\w.:-][/\\]\Z")
#: A star of a note behind its word: "氏名*　住所*", "当日払い*です", and no product's: "2*3".
_NOTED = re.compile(r"\w\*(?![\w*])|[^\W\d]\*(?![*\d])")
#: A Japanese noun with what goes on behind it, and so behind its note: "参加費*と材料費*は".
_NOUN_ENDS = re.compile(r"[\u30a0-\u30ff\u4e00-\u9fff々]\Z")
_PARTICLE = re.compile(r"[とやはがをもにでの]")
_HIRAGANA = re.compile(r"[ぁ-ゖ]")
#: The rest of a name with lines in it: "「_案_国保_氏名」".
_NAME = re.compile(r"\w+_\w+")
#: What any name of a file stands for, before its ending: "*.docx".
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}\b")
#: Names of programs with two lines on either side, as "__init__" has them, that are no words.
_OF_PROGRAMS = re.compile(
    r"init|str|repr|dict|len|iter|pycache|mocks|dirname|filename|typename|proto|(?:get|set|del)(?:item|attr)"
)


def check_markup(issue: Issue) -> Iterator[Finding]:
    """Yield signs that reach readers as they stand, and lines that a program broke.

    Those of one kind in one part are one finding: what is pasted from elsewhere has hundreds.
    """
    spots: dict[tuple[SignKind, IssuePlace], list[_Spot]] = {}
    for kind, place, spot in _find_spots(issue):
        spots.setdefault((kind, place), []).append(spot)
    for (kind, place), found in spots.items():
        yield _finding(kind, place, found)
    yield from _check_wrapped(issue)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Signs, and the line that they begin in."""

    signs: str
    line: str


def _find_spots(issue: Issue) -> Iterator[tuple[SignKind, IssuePlace, _Spot]]:
    urls = {url for _, url in walk_urls(issue)}
    for place, text in walk_passages(issue):
        for kind in KINDS:
            for spot in _spots_in(text, kind):
                yield kind, place, spot
        # What looks cut may be a longer address that is shown with its letters decoded.
        yield from (
            (CUT, place, spot) for spot in _spots_in(text, CUT) if target_of(spot.signs) in urls
        )
    for place, url in walk_urls(issue):
        for signs in find_placeholders(unquote(url)):
            yield KINDS[0], place, _Spot(signs, "")
    for place, run, between in _unlinked(issue):
        for spot in _spots_in(run, BARE):
            yield BARE, place, spot
        if between:
            yield SWALLOWED, place, _Spot(between, "")


def _spots_in(text: str, kind: SignKind) -> Iterator[_Spot]:
    if kind.across:
        at = 0
        for signs in kind.find(text):
            at = text.index(signs, at)
            line = text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]
            yield _Spot(signs, line)
            at += len(signs)
        return
    for line in text.split("\n"):
        for signs in kind.find(line):
            yield _Spot(signs, line)


def _unlinked(issue: Issue) -> Iterator[tuple[IssuePlace, str, str]]:
    """Yield each text outside links and code, with the sign within a word that opens emphasis."""
    for part in walk_parts(issue):
        for block in walk_blocks(part.body):
            for content in running_texts(block):
                for text, swallowed in _texts(content):
                    yield part.place, text, swallowed


def _texts(content: tuple[Inline, ...]) -> Iterator[tuple[str, str]]:
    """Yield each text, and each sign that opens emphasis and was meant as it stands."""
    for before, run, behind in zip((None, *content), content, (*content[1:], None), strict=False):
        match run:
            case Text(text=text):
                yield text, ""
            case Emphasis(content=inner):
                yield "", _swallowed(_text_of(before), inline_words(inner), _text_of(behind))
                yield from _texts(inner)
            case Strong(content=inner):
                if _OF_PROGRAMS.fullmatch(word := inline_words(inner)):
                    yield "", f"__{word}__"
                yield from _texts(inner)
            case Strikethrough(content=inner) | Footnote(content=inner):
                yield from _texts(inner)
            case _:
                pass


def _text_of(run: Inline | None) -> str:
    return run.text if isinstance(run, Text) else ""


def _swallowed(before: str, inner: str, behind: str) -> str:
    """Return a sign with what stands beside it, where it was no emphasis: "3*4", "Leser*innen"."""
    signs = chain(
        _of_words(before, inner, behind),
        _of_names(before, inner, behind),
        _of_notes(before, inner, behind),
    )
    return next(signs, "")


def _of_words(before: str, inner: str, behind: str) -> Iterator[str]:
    """Yield signs of products, and what goes on from within one word to another."""
    last, first, end, after = before[-1:], inner[:1], inner[-1:], behind[:1]
    words = _LAST_WORD.search(before), _FIRST_WORD.match(inner)
    if words[0] and words[1] and " " in inner:
        yield f"{words[0][0]}*{words[1][0]}"
    if all(map(_IN_WORD.fullmatch, (last, first, end, after))):
        yield f"{last}*{inner}*{after}"


def _of_names(before: str, inner: str, behind: str) -> Iterator[str]:
    """Yield signs of any file's name, of a name with lines, of one within a path."""
    is_bracketed = bool(before) and before[-1] in _OPENING
    if ending := _ENDING.match(inner) or _ENDING.match(behind):
        yield f"*{ending[0]}"
    name = _NAME.match(behind)
    if is_bracketed and name is not None and " " not in inner:
        yield f"_{inner}_{name[0]}"
    if _PATH.search(before) and not re.search(r"\s", inner):
        yield f"_{inner}_{behind[:1]}"


def _of_notes(before: str, inner: str, behind: str) -> Iterator[str]:
    """Yield marks of notes: by a bracket, a sign that parts words, a number, or a third mark."""
    last, first, end, after = before[-1:], inner[:1], inner[-1:], behind[:1]
    if _crosses(before, inner, behind):
        yield f"{last}*{first}" if last.strip() else f"{end}*{after}"
    if first in _SEPARATORS or (end in _SEPARATORS and _IN_WORD.match(after)):
        yield f"{last}*{first}"
    if last.isalpha() and first.isdecimal() and after.isdecimal():
        yield f"{last}*{first}"
    nouns = _NOUN_ENDS.search(before), _NOUN_ENDS.search(inner)
    particles = _PARTICLE.match(inner), _PARTICLE.match(behind)
    if all(nouns) and all(particles) and not _HIRAGANA.match(inner, 1):
        yield f"{last}*{first}"
    if end.isalnum() and _NOTED.search(behind.partition("\n")[0]):
        yield f"{end}*{after.strip()}"


def _crosses(before: str, inner: str, behind: str) -> bool:
    """Tell whether emphasis begins or ends amid a bracket or a quotation: "(*) and (*)"."""
    if before[-1:] == inner[:1] == '"' or inner[-1:] == behind[:1] == '"':
        return True
    waiting: list[str] = []
    for char in inner:
        if char in _OPENING:
            waiting.append(_CLOSING[_OPENING.index(char)])
        elif char in _CLOSING and (not waiting or waiting.pop() != char):
            return True
    return bool(waiting)


def _finding(kind: SignKind, place: IssuePlace, spots: Sequence[_Spot]) -> Finding:
    distinct = list(dict.fromkeys(" ".join(spot.signs.split())[:_SHOWN] for spot in spots))
    shown = ", ".join(distinct[:_EXAMPLES])
    more = len(distinct) > _EXAMPLES
    if len(spots) == 1:
        message = msg("{message}: {signs}", message=kind.message, signs=shown)
    elif more:
        message = msg(
            "{message}: {signs} and others ({count} times)",
            message=kind.message,
            signs=shown,
            count=len(spots),
        )
    else:
        message = msg(
            "{message}: {signs} ({count} times)",
            message=kind.message,
            signs=shown,
            count=len(spots),
        )
    return Finding(
        code=kind.code,
        severity=kind.severity,
        place=place,
        about=spots[0].signs.partition("\n")[0],
        within=tuple(spot.line for spot in spots if spot.line),
        message=message,
        remedy=kind.remedy,
    )


def _check_wrapped(issue: Issue) -> Iterator[Finding]:
    for part in walk_parts(issue):
        for block in walk_blocks(part.body):
            if isinstance(block, Paragraph) and _is_wrapped(block):
                first = inline_words(block.content).split("\n")[0]
                yield Finding(
                    code="lines-wrapped",
                    severity=Severity.HINT,
                    place=part.place,
                    about=first,
                    message=msg(
                        "The lines of this paragraph seem to be wrapped: {first}…", first=first[:30]
                    ),
                    remedy=msg("Readers see line ends as they are typed; join the lines."),
                    fix=partial(_joined, wrapped=block),
                    act=msg("Join them"),
                )


def _is_wrapped(paragraph: Paragraph) -> bool:
    """Whether all lines but the last are about as long as a program wraps them."""
    lines = inline_words(paragraph.content).split("\n")
    widths = [sum(1 + (ord(char) >= _WIDE_FROM) for char in line) for line in lines[:-1]]
    return (
        len(lines) >= _LINES
        and all(columns in _WRAPPED for columns in widths)
        and max(widths) - min(widths) <= _SPREAD
    )


def _joined(issue: Issue, *, wrapped: Paragraph) -> Issue:
    joined = Paragraph(content=tuple(_without_breaks(wrapped.content)))
    return with_blocks(issue, lambda block: joined if block == wrapped else block)


def _without_breaks(content: tuple[Inline, ...]) -> Iterator[Inline]:
    """Yield running text in one line, its texts joined; Japanese has no blank between them."""
    words: list[str] = []
    before = ""
    for index, run in enumerate(content):
        if isinstance(run, LineBreak):
            behind = (inline_words((content[at],)) for at in range(index + 1, len(content)))
            around = before[-1:] + next(filter(None, behind), "")[:1]
            wide = all(ord(char) >= _WIDE_FROM for char in around)
            words.append("" if wide else " ")
        elif isinstance(run, Text):
            words.append(run.text)
        else:
            if joined := "".join(words):
                yield Text(text=joined)
            words.clear()
            yield run
        before = inline_words((run,)) or before
    if joined := "".join(words):
        yield Text(text=joined)
