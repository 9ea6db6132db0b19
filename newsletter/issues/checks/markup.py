"""Preflight of markup: signs that will reach readers as they stand, and were probably not meant to.

Nothing of an issue is dropped, so what Markdown does not read goes out as it was typed: tags of
HTML, fields of other systems, marks that found no partner. Each is named as it stands, so that its
line can be found. Code is left out: there, signs are meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from urllib.parse import unquote

from newsletter.i18n.messages import Message, msg
from newsletter.issues.checks.findings import Finding, IssuePlace, Severity
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

_MIRRORED = str.maketrans("[](){}<>", "][)(}{><")
#: A name between two or more signs and their mirror image: ``{{name}}``, ``*|FNAME|*``, ``%%x%%``.
_PAIRED = re.compile(
    r"(?P<open>[\[({<%*|$#@{~^]{2,4}=?)\s?(?P<name>[A-Za-z_\u3040-\u30ff\u4e00-\u9fff]"
    r"[\w .:|,'\"=/-]{0,60}?)\s?(?P<close>[\])}>%*|$#@~^]{2,4})"
)
#: A name between single signs that other systems use: ``${x}``, ``%name%``, ``{name}``, ``[A_B]``.
_SINGLE = re.compile(
    r"[$#%]\{[A-Za-z_][\w.]*\}|(?<![A-Za-z0-9%])%[A-Za-z_][A-Za-z0-9_.]+%(?![A-Za-z0-9])"
    r"|\{\$?[A-Za-z_][\w.]*(?:\|[^{}|]{0,60})?\}"
    r"|\[[a-z_-]+(?:\s+[a-z_-]+=(?:\"[^\"\[\]]*\"|'[^'\[\]]*'|[^\s\[\]\"']+))+\s*/?\]|\[/[a-z_-]+\]"
    r"|\[[A-Z]+_[A-Z_]+\]|«\w+»|\{%.+?%\}|\[%.+?%\]"
)
#: What stands in two or more signs and is emphasis or a wiki's manner, not a field.
_MARKS_ALONE = frozenset({"**", "~~", "***", "~~~", "^^"})
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*)(?P<rest>\s[^<>]*|/?)>"
    r"|<!--|<!DOCTYPE[^<>]*>|<\?[^<>]*\?>|<!\[CDATA\[|\]\]>",
    re.IGNORECASE,
)
#: Elements of HTML that text is marked up with; their tags alone may have lost their counterpart.
_ELEMENT = re.compile(
    r"a|abbr|address|article|aside|b|big|blockquote|br|button|caption|center|cite|code|dd|del"
    r"|div|dl|dt|em|figcaption|figure|font|footer|form|h1|h2|h3|h4|h5|h6|header|hr|i|iframe"
    r"|img|input|ins|kbd|label|li|main|mark|nav|ol|option|p|pre|q|rp|rt|ruby|s|samp|script"
    r"|section|select|small|span|strike|strong|style|sub|summary|sup|table|tbody|td|textarea"
    r"|tfoot|th|thead|tr|tt|u|ul|var|video",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"!?\[[^\[\]]+\]\[[^\[\]]*\]|\[\^[^\[\]\s]+\](?::|)")
_DEFINITION = re.compile(r"\[(?!\^)[^\[\]]+\]:(?=\s*<?(?:https?|mailto|tel):)")
_BROKEN_LINK = re.compile(r"!?\[[^\[\]]*\]\s?[（(]\s*(?:https?:|mailto:)[^）)\s]*[）)]?")
#: Words in brackets, and others in round ones: a link without an address, or text.
_WITHOUT_ADDRESS = re.compile(r"(?<![\w)\]])!?\[[^\[\]]*\]\([A-Za-z][!-'*-~]{0,80}\)")
_PERHAPS_LINK = re.compile(r"!?\[[^\[\]]*\]\([^\s()]{0,80}\)")
#: An address that ends in a sign behind which more of it is to be expected, and particles that
#: begin no word.
_CUT_URL = re.compile(
    r"https?://(?:[\w.-]{1,253}+(?=[/?#]))?[!-;=?-~]{0,500}+(?<=[/=?&#_%-])"
    r"(?=[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3\u0e00-\u0e7f])"
    r"(?!を|へ|から|まで|より|にて|です|에서?|으?로|을|를|은|는|이|가|와|과|의|도)"
)
_HEADING = re.compile(r"#{2,6}(?=[^\s#])[^\s]{1,20}|[＃#]*＃[＃#]*\s*\S{1,20}")
_HASH = re.compile(r"#(?=[^\s#\d])[^\s]{1,20}$")
#: An address that mail programs may take for a link, and browsers for a word.
_BARE_HOST = re.compile(
    r"(?<![\w./@:-])www\.(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?![\w-])(?:/[!-;=?-~]*)?",
    re.ASCII | re.IGNORECASE,
)
#: A line of nothing but one sign parts what is above from what is below; words may stand within.
_RULE = re.compile(r"\s*(\S)(?:\s*\1){3,}\s*|\s*~{3,}[^~]+~{3,}\s*")
_LOOSE = re.compile(
    r"(?<!\*)\*\*(?!\*)|(?<!~)~~(?!~)|(?<![A-Za-z0-9_])__(?=\S)|```|~~~|\|\s*:?-{3,}:?\s*\|"
    r"|(?<!＊)＊＊(?!＊)|(?<!')'''(?=[^\s'])[^'\n]{1,80}'''(?!')"
)
#: Within a word "_" is a letter, so that names of files keep theirs; beside Japanese, which writes
#: no spaces, it was perhaps a mark.
_UNDERSCORES = re.compile(
    r"(?<=[\u3040-\u30ff\u4e00-\u9fff々])_(?![(（])[^_\s\\]{1,60}_(?=[\w])"
    r"|(?<=\w)_(?![(（])[^_\s\\]{1,60}_(?=[\u3040-\u30ff\u4e00-\u9fff々])"
)
#: What other kinds of Markdown read, and this one does not: highlights, insertions, attributes,
#: formulas, low and high letters, emoji by name; and at the beginning of a line alerts, contents,
#: abbreviations and definitions.
_DIALECT = re.compile(
    r"(?<![=\w])==(?=[^\s=])[^=\n]{0,80}(?<=[^\s=])==(?![=\w])"
    r"|(?<![+\w])\+\+(?=[^\s+])[^+\n]{0,80}(?<=[^\s+])\+\+(?![+\w])"
    r"|\{:?\s?(?:[.#][A-Za-z]|[A-Za-z][\w-]{0,40}=)[^{}\n]{0,80}\}|\{:[A-Za-z][^{}\n]{0,80}\}"
    r"|\$\$[^$\n]{1,80}\$\$|(?<![\w$])\$(?=[^\s$])[^$\n]{0,80}[\\^_][^$\n]{1,80}\$(?![\w$])"
    r"|\\\([^()\n\\]{1,80}\\\)"
    r"|(?<=[A-Za-z])~[0-9A-Za-z+-]{1,4}~(?!~)|(?<=[A-Za-z0-9])\^[0-9A-Za-z+-]{1,4}\^"
    r"|(?<![\w:/]):(?:[a-z][a-z0-9_+-]{1,30}|[+-]1):(?![\w:/])"
)
_DIALECT_LINE = re.compile(
    r"\[[ xX]\](?=[^\s(\[:])|\[![A-Za-z]{3,20}\](?!\()|(?:!{3}|\?{3}\+?)\s+[A-Za-z]{3,20}\b"
    r"|\[\[?_?(?i:toc)_?\]?\]$|\*\[[^\[\]\n]{1,40}\]:|:\s+(?=\S).{1,20}"
)
#: A line between bars with others within, of any width, and one that rules a drawn table.
_ROW = re.compile(r"\s*([|｜│])[^|｜│]*\1(?:[^|｜│]*\1)+\s*")
_RULED = re.compile(r"\s*[+├┌└](?:[-=─━]{2,}[+┼┬┴┤┐┘]){2,}\s*")
#: How many signs a finding shows, and how many of their characters.
_EXAMPLES, _SHOWN = 3, 60
#: Columns of lines that a program wrapped, and how far they differ.
_WRAPPED, _SPREAD, _LINES = range(55, 101), 16, 3
#: From here on characters are two columns wide, near enough for telling wrapped lines.
_WIDE_FROM = 0x2E80


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    """Signs of one kind: what they probably were, and what to do.

    Attributes:
        across: Whether they may go on over the ends of lines.
    """

    code: str
    find: Callable[[str], Iterator[str]]
    message: Message
    remedy: Message
    severity: Severity = Severity.WARNING
    across: bool = False


def _matches(pattern: re.Pattern[str]) -> Callable[[str], Iterator[str]]:
    def find(line: str) -> Iterator[str]:
        yield from (match[0] for match in pattern.finditer(line))

    return find


def _loose_marks(line: str) -> Iterator[str]:
    if not _RULE.fullmatch(line):
        yield from _matches(_LOOSE)(line)


def _at_start(pattern: re.Pattern[str]) -> Callable[[str], Iterator[str]]:
    def find(line: str) -> Iterator[str]:
        if match := pattern.match(line.strip()):
            yield match[0]

    return find


def _rows(text: str) -> Iterator[str]:
    """Yield lines that look like rows of a table: ruled, or with as many bars as the next."""
    lines = text.split("\n")
    bars = [sum(map(line.count, "|｜│")) if _ROW.fullmatch(line) else 0 for line in lines]
    for index, line in enumerate(lines):
        beside = (*bars[max(index - 1, 0) : index], *bars[index + 1 : index + 2])
        if _RULED.fullmatch(line) or (bars[index] and bars[index] in beside):
            yield line.strip()


def _dialect(line: str) -> Iterator[str]:
    yield from _at_start(_DIALECT_LINE)(line)
    yield from _matches(_DIALECT)(line)


def _markup(text: str) -> Iterator[str]:
    """Yield tags that are attempts at markup: in pairs, with attributes, or ends of something."""
    yield from (tag[0] for tag, is_alone in _tags(text) if not is_alone)


def _lone_tags(text: str) -> Iterator[str]:
    """Yield HTML's tags that stand alone: what is left of markup, or the subject of a sentence."""
    for tag, is_alone in _tags(text):
        if is_alone and _ELEMENT.fullmatch(tag["name"]):
            yield tag[0]


def _tags(text: str) -> Iterator[tuple[re.Match[str], bool]]:
    """Yield tags; alone are names of elements and no more, as text that speaks of them has them."""
    tags = list(_TAG.finditer(text))
    ended = {tag["name"].lower() for tag in tags if tag["end"]}
    for tag in tags:
        is_name = tag["name"] is not None and not tag["end"] and not tag["rest"]
        yield tag, is_name and tag["name"].lower() not in ended


def find_placeholders(line: str) -> Iterator[str]:
    """Yield what looks like a field that another system would have filled."""
    done = 0
    for match in _PAIRED.finditer(line):
        opened = match["open"].removesuffix("=")
        mirrored = opened[::-1].translate(_MIRRORED)
        is_field = opened not in _MARKS_ALONE and not _is_face(opened, match["name"])
        if match["close"].startswith(mirrored) and is_field:
            yield from _matches(_SINGLE)(line[done : match.start()])
            done = match.start("close") + len(mirrored)
            yield line[match.start() : done]
    yield from _matches(_SINGLE)(line[done:])


def _is_face(opened: str, name: str) -> bool:
    """Tell whether signs are a face, such as ``(^_^)`` or ``<(_ _)>``: its eyes are no name."""
    return len(set(opened)) > 1 and len(set(re.findall(r"[^\W_]", name))) <= 1


_IN_FULL = msg("Write its address in full, such as https://…; leave it as it is if it is text.")
_KINDS = (
    _Kind(
        code="placeholder",
        find=find_placeholders,
        message=msg("A merge field of another mail system would reach readers as text"),
        remedy=msg("Replace it with the intended text, or remove it."),
    ),
    _Kind(
        code="html-literal",
        find=_markup,
        across=True,
        message=msg("An HTML tag would reach readers as text"),
        remedy=msg("Remove it or write Markdown; put it in ` if readers should see it."),
    ),
    _Kind(
        code="html-literal",
        find=_lone_tags,
        across=True,
        message=msg("Readers will see this HTML tag as text"),
        remedy=msg("Leave it as it is if they should, else remove it."),
        severity=Severity.HINT,
    ),
    _Kind(
        code="link-broken",
        find=_matches(_BROKEN_LINK),
        message=msg("This was probably meant to be a link, but is not"),
        remedy=msg("Write [words](https://…) without a space, with ASCII brackets."),
    ),
    _Kind(
        code="link-broken",
        find=_matches(_WITHOUT_ADDRESS),
        message=msg("This was probably meant to be a link, but is not"),
        remedy=_IN_FULL,
    ),
    _Kind(
        code="link-broken",
        find=lambda line: _matches(_PERHAPS_LINK)(_WITHOUT_ADDRESS.sub("", line)),
        message=msg("This may have been meant to be a link"),
        remedy=_IN_FULL,
        severity=Severity.HINT,
    ),
    _Kind(
        code="reference-unresolved",
        find=_at_start(_DEFINITION),
        message=msg("Nothing refers to this link, so readers will see its line"),
        remedy=msg("Write [words][label] where the link is meant to be, or remove the line."),
    ),
    _Kind(
        code="reference-unresolved",
        find=_matches(_REFERENCE),
        message=msg("A footnote or link refers to nothing here"),
        remedy=msg("Define it in the same text, or remove it."),
    ),
    _Kind(
        code="heading-sign",
        find=_at_start(_HEADING),
        message=msg("This line was probably meant to be a heading"),
        remedy=msg("Put a space after the ASCII # signs."),
    ),
    _Kind(
        code="heading-sign",
        find=_at_start(_HASH),
        message=msg("This line may have been meant to be a heading"),
        remedy=msg("Put a space after the # for a heading; leave it as it is for a hashtag."),
        severity=Severity.HINT,
    ),
    _Kind(
        code="block-literal",
        find=_at_start(re.compile(r":{3,}[ \t]*\S{0,20}")),
        message=msg("This line was probably meant to begin or end a block"),
        remedy=msg("Write ::: and the name of a block, such as :::event, or take it out."),
    ),
    _Kind(
        code="table-literal",
        find=_rows,
        across=True,
        message=msg("This line may have been meant to be a row of a table"),
        remedy=msg("Put a line such as |---|---| below the first row, and ASCII | between cells."),
        severity=Severity.HINT,
    ),
    _Kind(
        code="mark-literal",
        find=_loose_marks,
        message=msg("A Markdown mark would reach readers as text"),
        remedy=msg("Put it next to its word, add its counterpart, or remove it."),
    ),
    _Kind(
        code="underscores",
        find=_matches(_UNDERSCORES),
        message=msg("Underscores within a word do not emphasize"),
        remedy=msg("Write *…* for emphasis; leave them as they are in a name."),
        severity=Severity.HINT,
    ),
    _Kind(
        code="mark-literal",
        find=_dialect,
        message=msg("A mark that is not read here would reach readers as text"),
        remedy=msg("Remove it, and say in words what it was to do."),
    ),
)


_CUT = _Kind(
    code="url-cut",
    find=_matches(_CUT_URL),
    message=msg("The link ends before the letters that follow this address"),
    remedy=msg("Put the whole address between < and >, or put a space after it."),
)
_BARE = _Kind(
    code="link-broken",
    find=_matches(_BARE_HOST),
    message=msg("This address is not a link"),
    remedy=msg("Put https:// before it."),
)
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
_SWALLOWED = _Kind(
    code="mark-swallowed",
    find=lambda _line: iter(()),
    message=msg(
        "A * or _ was read as emphasis where it probably is none, and will not reach readers"
    ),
    remedy=msg("Write \\* or \\_ for a sign that readers should see, or × for a product."),
)


def check_markup(issue: Issue) -> Iterator[Finding]:
    """Yield signs that reach readers as they stand, and lines that a program broke.

    Those of one kind in one part are one finding: what is pasted from elsewhere has hundreds.
    """
    spots: dict[tuple[_Kind, IssuePlace], list[_Spot]] = {}
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


def _find_spots(issue: Issue) -> Iterator[tuple[_Kind, IssuePlace, _Spot]]:
    urls = {url for _, url in walk_urls(issue)}
    for place, text in walk_passages(issue):
        for kind in _KINDS:
            for spot in _spots_in(text, kind):
                yield kind, place, spot
        # What looks cut may be a longer address that is shown with its letters decoded.
        yield from (
            (_CUT, place, spot) for spot in _spots_in(text, _CUT) if target_of(spot.signs) in urls
        )
    for place, url in walk_urls(issue):
        for signs in find_placeholders(unquote(url)):
            yield _KINDS[0], place, _Spot(signs, "")
    for place, run, between in _unlinked(issue):
        for spot in _spots_in(run, _BARE):
            yield _BARE, place, spot
        if between:
            yield _SWALLOWED, place, _Spot(between, "")


def _spots_in(text: str, kind: _Kind) -> Iterator[_Spot]:
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


def _finding(kind: _Kind, place: IssuePlace, spots: Sequence[_Spot]) -> Finding:
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
