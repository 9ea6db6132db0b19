"""Preflight of markup: signs that readers will see literally, which was probably not intended.

Nothing of an issue is dropped, so texts that Markdown does not interpret are sent as typed: HTML
tags, merge fields of other systems, marks without a partner. Findings contain the literal text, so
that its line can be found. Code is not checked, since signs in it are intended.
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

#: The largest numbers of examples in a finding, and of characters of each.
_EXAMPLES, _SHOWN = 3, 60
#: Columns of lines that a program has wrapped, their largest difference, and the fewest lines.
_WRAPPED, _SPREAD, _LINES = range(55, 101), 16, 3
#: Code points from here on count as two columns, which is precise enough for wrapped lines.
_WIDE_FROM = 0x2E80
#: A word of a script with spaces between words: Latin, Greek, Cyrillic.
_LAST_WORD = re.compile(r"[A-Za-zÀ-ɏͰ-ӿ]+\Z")
_FIRST_WORD = re.compile(r"[A-Za-zÀ-ɏͰ-ӿ]+")
_IN_WORD = re.compile(r"[A-Za-z0-9À-ɏͰ-ӿ]")
_OPENING, _CLOSING = "(（[［「『【〔〈《“", ")）]］」』】〕〉》”"
#: Separators of words: "8日*・15日*".
_SEPARATORS = tuple("、。，．,;:；：・/／!?！？")
#: The text before a name within a path: "/srv/www/_new_/", "C:\\data\\_old_".
_PATH = re.compile(r"[\w.:-][/\\]\Z")
#: The star of a note after its word: "氏名*　住所*", "当日払い*です"; but not of a product: "2*3".
#: The note itself has one after a bracket: "（*は要予約）".
_NOTED = re.compile(r"\w\*(?![\w*])|[^\W\d]\*(?![*\d])|[（(]\*(?=\w)[^*]*\Z")
#: The end of a Japanese noun, which can be followed by a note and a particle: "参加費*と材料費*は".
_NOUN_ENDS = re.compile(r"[\u30a0-\u30ff\u4e00-\u9fff々]\Z")
_PARTICLE = re.compile(r"[とやはがをもにでの]")
_HIRAGANA = re.compile(r"[ぁ-ゖ]")
#: The rest of a name with underscores: "「_案_国保_氏名」".
_NAME = re.compile(r"\w+_\w+")
#: The extension after the wildcard of file names: "*.docx".
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}\b")
#: Names in programs between double underscores, such as "__init__".
_OF_PROGRAMS = re.compile(
    r"init|str|repr|dict|len|iter|pycache|mocks|dirname|filename|typename|proto|(?:get|set|del)(?:item|attr)"
)


def check_markup(issue: Issue) -> Iterator[Finding]:
    """Yield findings about literal signs and about lines that a program has wrapped.

    The signs of one kind in one part are one finding, since pasted text can contain hundreds.
    """
    spots: dict[tuple[SignKind, IssuePlace], list[_Spot]] = {}
    for kind, place, spot in _find_spots(issue):
        spots.setdefault((kind, place), []).append(spot)
    for (kind, place), found in spots.items():
        yield _finding(kind, place, found)
    yield from _check_wrapped(issue)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Signs and the line of their beginning."""

    signs: str
    line: str


def _find_spots(issue: Issue) -> Iterator[tuple[SignKind, IssuePlace, _Spot]]:
    urls = {url for _, url in walk_urls(issue)}
    for place, text in walk_passages(issue):
        for kind in KINDS:
            for spot in _spots_in(text, kind):
                yield kind, place, spot
        # A URL that looks truncated may be the beginning of a longer one, which is shown decoded.
        yield from (
            (CUT, place, spot) for spot in _spots_in(text, CUT) if target_of(spot.signs) in urls
        )
    for place, url in walk_urls(issue):
        for signs in find_placeholders(unquote(url)):
            yield KINDS[0], place, _Spot(signs, "")
    for place, run, between in _unlinked(issue):
        for kind in BARE:
            for spot in _spots_in(run, kind):
                yield kind, place, spot
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
    """Yield the texts outside links and code, with the sign within a word that opens emphasis."""
    for part in walk_parts(issue):
        for block in walk_blocks(part.body):
            for content in running_texts(block):
                for text, swallowed in _texts(content):
                    yield part.place, text, swallowed


def _texts(content: tuple[Inline, ...]) -> Iterator[tuple[str, str]]:
    """Yield the texts, and each sign that opens emphasis but was meant literally."""
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
    """Return a sign and its context if it was not meant as emphasis: "3*4", "Leser*innen"."""
    signs = chain(
        _of_words(before, inner, behind),
        _of_names(before, inner, behind),
        _of_notes(before, inner, behind),
    )
    return next(signs, "")


def _of_words(before: str, inner: str, behind: str) -> Iterator[str]:
    """Yield signs of products, and emphasis from within one word to another word."""
    last, first, end, after = before[-1:], inner[:1], inner[-1:], behind[:1]
    words = _LAST_WORD.search(before), _FIRST_WORD.match(inner)
    if words[0] and words[1] and " " in inner:
        yield f"{words[0][0]}*{words[1][0]}"
    if all(map(_IN_WORD.fullmatch, (last, first, end, after))):
        yield f"{last}*{inner}*{after}"


def _of_names(before: str, inner: str, behind: str) -> Iterator[str]:
    """Yield signs in wildcards of file names, in names with underscores, and in paths."""
    is_bracketed = bool(before) and before[-1] in _OPENING
    if ending := _ENDING.match(inner) or _ENDING.match(behind):
        yield f"*{ending[0]}"
    name = _NAME.match(behind)
    if is_bracketed and name is not None and " " not in inner:
        yield f"_{inner}_{name[0]}"
    if _PATH.search(before) and not re.search(r"\s", inner):
        yield f"_{inner}_{behind[:1]}"


def _of_notes(before: str, inner: str, behind: str) -> Iterator[str]:
    """Yield marks of notes: next to a bracket, a separator, a number, or with a third mark."""
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
    """Return whether emphasis starts or ends within brackets or quotation marks: "(*) and (*)"."""
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
    """Return whether all lines except the last have about the length of wrapped lines."""
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
    """Yield running text without line breaks; Japanese lines are joined without spaces."""
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
