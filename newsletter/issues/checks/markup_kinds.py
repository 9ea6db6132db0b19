"""Kinds of literal signs, each with its detection and its message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from newsletter.i18n.messages import Message, msg
from newsletter.issues.checks.findings import Severity

_MIRRORED = str.maketrans("[](){}<>", "][)(}{><")
#: A name between two or more signs and their mirrored form: ``{{name}}``, ``*|FNAME|*``, ``%%x%%``.
_PAIRED = re.compile(
    r"(?P<open>[\[({<%*|$#@{~^]{2,4}=?)\s?(?P<name>[A-Za-z_\u3040-\u30ff\u4e00-\u9fff]"
    r"[\w .:|,'\"=/#-]{0,60}?)\s?(?P<close>[\])}>%*|$#@~^]{2,4})"
)
#: A name between single signs of other systems: ``${x}``, ``%name%``, ``{name}``, ``[A_B]``.
_SINGLE = re.compile(
    r"[$#%]\{[A-Za-z_][\w.]*\}|(?<![A-Za-z0-9%])%[A-Za-z_][A-Za-z0-9_.]+%(?![A-Za-z0-9])"
    r"|\{\$?[A-Za-z_][\w.]*(?:\|[^{}|]{0,60})?\}"
    r"|\[[a-z][a-z0-9_-]*(?:\s+[a-z_-]+=(?:\"[^\"\[\]]*\"|'[^'\[\]]*'|[^\s\[\]\"']+))+\s*/?\]"
    r"|\[/[a-z_-]+\]|\[(?:gallery|playlist|contact-form|newsletter_form|unsubscribe|browser)\]"
    r"|\[[A-Z]+_[A-Z_]+\]|«\w+»|\{%.+?%\}|\[%.+?%\]"
)
#: Pairs of signs that mean emphasis or wiki markup and not a merge field.
_MARKS_ALONE = frozenset({"**", "~~", "***", "~~~", "^^"})
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*)(?P<rest>\s[^<>]*|/?)>"
    r"|<!--|<!DOCTYPE[^<>]*>|<\?[^<>]*\?>|<!\[CDATA\[|\]\]>"
    r"|<!\[(?:if\b[^<>\[\]]*|endif)\]>",
    re.IGNORECASE,
)
#: HTML elements of text markup, whose tags are also reported without counterpart.
_ELEMENT = re.compile(
    r"a|abbr|address|article|aside|b|big|blockquote|br|button|caption|center|cite|code|dd|del"
    r"|div|dl|dt|em|figcaption|figure|font|footer|form|h1|h2|h3|h4|h5|h6|header|hr|i|iframe"
    r"|img|input|ins|kbd|label|li|main|mark|nav|ol|option|p|pre|q|rp|rt|ruby|s|samp|script"
    r"|section|select|small|span|strike|strong|style|sub|summary|sup|table|tbody|td|textarea"
    r"|tfoot|th|thead|tr|tt|u|ul|var|video",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"(?:!\[[^\[\]]*\]|\[[^\[\]]+\])\[[^\[\]]*\]|\[\^(?=\S)[^\[\]\n]{1,80}\](?::|)"
)
#: ``[//]: # (…)`` is how comments are hidden where there are no others.
_DEFINITION = re.compile(
    r"\[(?!\^)[^\[\]]+\]:(?=\s*(?:<?(?:https?|mailto|tel):|(?:#|<>)\s*[(\"']))"
)
_BROKEN_LINK = re.compile(
    r"!?\[[^\[\]]*\]\s?[（(]\s*(?:https?:|mailto:)[^）)\s]*[）)]?"
    # As wikis write them: [https://… words], [words|https://…], [[words>https://…]].
    r"|\[https?://[^\s\[\]|]{1,300}[ |][^\[\]\n]{1,80}\]"
    r"|\[{1,2}[^\[\]|>\n]{1,80}[|>]https?://[^\s\[\]]{1,300}\]{1,2}"
    # As AsciiDoc does: https://…[words].
    r"|https?://[^\s\[\]]{1,300}\[[^\[\]\n]{1,80}\](?![(\[])"
)
#: The same between brackets of full width, which may also be meant as they are.
_WIDE_LINK = re.compile(r"[!！]?［[^［］]*[］\]]\s?[（(]\s*(?:https?:|mailto:)[^）)\s]*\s?[）)]?")
#: Text in square brackets followed by text in round ones: a link without URL, or plain text.
_WITHOUT_ADDRESS = re.compile(r"(?<![\w)\]])!?\[[^\[\]]*\]\([A-Za-z][!-'*-~]{0,80}\)")
_PERHAPS_LINK = re.compile(r"!?\[[^\[\]]*\]\([^\s()]{0,80}\)")
#: A URL that ends with a character after which more is expected, directly before text in a script
#: without spaces; particles and endings are excluded, since these often follow a complete URL.
_CUT_URL = re.compile(
    r"https?://(?:[\w.-]{1,253}+(?=[/?#]))?[!-;=?-~]{0,500}+(?<=[/=?&#_%-])"
    r"(?=[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3\u0e00-\u0e7f])"
    r"(?!を|へ|から|まで|より|にて|です|에서?|으?로|을|를|은|는|이|가|와|과|의|도)"
)
_HEADING = re.compile(r"#{2,6}(?=[^\s#])[^\s]{1,20}|[＃#]*＃[＃#]*\s*\S{1,20}")
#: Headings of wikis, and of Textile: "== words ==", "h2. words".
_WIKI_HEADING = re.compile(r"(={2,6})\s+[^\s=][^=\n]{0,80}(?:\s\1)?$|h[1-6]\.\s+\S.{0,80}")
_HASH = re.compile(r"#(?=[^\s#\d])[^\s]{1,20}$")
#: A host name without scheme, which mail clients may regard as a link.
_BARE_HOST = re.compile(
    r"(?<![\w./@:-])www\.(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?![\w-])(?:/[!-;=?-~]*)?",
    re.ASCII | re.IGNORECASE,
)
#: A telephone number behind the scheme of links to numbers (RFC 3966).
_BARE_NUMBER = re.compile(r"(?<![\w:/.])tel:\+?[0-9][0-9-]{5,20}(?!\w)", re.ASCII)
#: A line of one repeated character, which is a separator and may contain text.
_RULE = re.compile(r"\s*(\S)(?:\s*\1){3,}\s*|\s*~{3,}[^~]+~{3,}\s*")
_LOOSE = re.compile(
    r"(?<!\*)\*\*(?!\*)|(?<!~)~~(?!~)|(?<![A-Za-z0-9_])__(?=\S)|```|~~~|\|\s*:?-{3,}:?\s*\|"
    r"|(?<!＊)＊＊(?!＊)|(?<!')'''(?=[^\s'])[^'\n]{1,80}'''(?!')"
)
#: Within a word, "_" is a letter, as in file names; next to Japanese, which has no spaces, it may
#: have been meant as a mark.
_UNDERSCORES = re.compile(
    r"(?<=[\u3040-\u30ff\u4e00-\u9fff々])_(?![(（])[^_\s\\]{1,60}_(?=[\w])"
    r"|(?<=\w)_(?![(（])[^_\s\\]{1,60}_(?=[\u3040-\u30ff\u4e00-\u9fff々])"
)
#: Syntax of other Markdown dialects: highlights, insertions, attributes, formulas, subscript and
#: superscript, emoji by name; and at the beginning of a line alerts, tables of contents,
#: abbreviations and definitions; readings of
#: kanji (｜青梅《おうめ》, {青梅|おうめ}); references in answers of assistants (【4†source】).
_DIALECT = re.compile(
    r"(?<![=A-Za-z0-9_])==(?=[^\s=])[^=\n]{0,80}(?<=[^\s=])==(?![=A-Za-z0-9_])"
    r"|(?<![+A-Za-z0-9_])\+\+(?=[^\s+])[^+\n]{0,80}(?<=[^\s+])\+\+(?![+A-Za-z0-9_])"
    r"|\{:?\s?(?:[.#][A-Za-z]|[A-Za-z][\w-]{0,40}=)[^{}\n]{0,80}\}|\{:[A-Za-z][^{}\n]{0,80}\}"
    r"|\$\$[^$\n]{1,80}\$\$"
    r"|(?<![A-Za-z0-9_$])\$(?=[^\s$])[^$\n]{0,80}[\\^_][^$\n]{1,80}\$(?![A-Za-z0-9_$])"
    r"|(?<![A-Za-z0-9_$])\$[A-Za-z]\$(?![A-Za-z0-9_$])|\\[a-z]{4,20}\{"
    r"|\\\([^()\n\\]{1,80}\\\)"
    r"|(?<![\w:\\/])\\(?:int|sum|prod|lim|frac|sqrt|times|cdot|pm|leq?|geq?|neq|infty|alpha|beta|gamma"
    r"|delta|theta|lambda|mu|pi|sigma|omega|left|right|begin|end|math[a-z]+|text)(?![A-Za-z])"
    r"|(?<=[A-Za-z])~[0-9A-Za-z+-]{1,4}~(?!~)|(?<=[A-Za-z0-9])\^[0-9A-Za-z+-]{1,4}\^"
    r"|(?<![\w:/]):(?:[a-z][a-z0-9_+-]{1,30}|[+-]1):(?![\w:/])"
    r"|(?<=[\u3001-\u9fff！？]):[a-z][a-z0-9_+-]{1,30}:(?=[\u3001-\u9fff！？]|$)"
    r"|｜[\u3005\u4e00-\u9fff]{1,12}《[\u3041-\u30ff]{1,24}》"
    r"|\{[\u3005\u4e00-\u9fff]{1,12}(?:\|[\u3041-\u30ff]{1,24})+\}"
    r"|【\d+[:\d]*†[^【】\n]{1,40}】|@\[toc\]"
    # Comments of MDX, mentions of Slack, citations of Pandoc.
    r"|\{/\*[^\n]{0,200}?\*/\}|<[@#!][A-Za-z][A-Za-z0-9|^_-]{1,60}>"
    r"|\[-?@[a-z][\w:.-]{2,60}(?:[,;][^\[\]\n]{1,80})?\]"
)
_DIALECT_LINE = re.compile(
    r"\[[ xX]\](?=[^\s(\[:])|\[![A-Za-z][A-Za-z-]{2,20}\](?!\()|\$\$(?:$|[^$]*$)"
    r"|\.\. [a-z]+::|(?:!{3}|\?{3}\+?)\s+[A-Za-z]{3,20}\b"
    r"|\[\[?_?(?i:toc)_?\]?\]$|\*\[[^\[\]\n]{1,40}\]:|:\s+(?=\S).{1,20}"
)
#: A field of the front matter of another system, with or without a value.
_FIELD_LINE = re.compile(
    r"(?:title|date|draft|tags?|authors?|categor(?:y|ies)|layout|slug|permalink|description"
    r"|weight|lang|language|published|image|cover|aliases|type|id|updated|created)[ \t]*:(?:\s.*|)"
)
#: A line between bars with further bars, of any width, and a horizontal rule of a drawn table.
_ROW = re.compile(r"\s*([|｜│])[^|｜│]*\1(?:[^|｜│]*\1)+\s*")
_RULED = re.compile(r"\s*[+├┌└](?:[-=─━]{2,}[+┼┬┴┤┐┘]){2,}\s*")


@dataclass(frozen=True, kw_only=True, slots=True)
class SignKind:
    """A kind of signs: their probable meaning, and the remedy.

    Attributes:
        across: Whether they can span several lines.
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
    """Yield lines that look like table rows: with a rule, or with as many bars as the next line."""
    lines = text.split("\n")
    bars = [sum(map(line.count, "|｜│")) if _ROW.fullmatch(line) else 0 for line in lines]
    for index, line in enumerate(lines):
        beside = (*bars[max(index - 1, 0) : index], *bars[index + 1 : index + 2])
        if _RULED.fullmatch(line) or (bars[index] and bars[index] in beside):
            yield line.strip()


def _dialect(line: str) -> Iterator[str]:
    yield from _at_start(_DIALECT_LINE)(line)
    yield from _matches(_DIALECT)(line)


def _front_matter(text: str) -> Iterator[str]:
    """Yield a text that has only fields of a front matter, two or more."""
    lines = text.strip().split("\n")
    if len(lines) > 1 and all(map(_FIELD_LINE.fullmatch, lines)):
        yield lines[0]


def _markup(text: str) -> Iterator[str]:
    """Yield tags that were meant as markup: pairs, tags with attributes, closing tags."""
    yield from (tag[0] for tag, is_alone in _tags(text) if not is_alone)


def _lone_tags(text: str) -> Iterator[str]:
    """Yield single HTML tags, which are remains of markup or mentioned in the text."""
    for tag, is_alone in _tags(text):
        if is_alone and _ELEMENT.fullmatch(tag["name"]):
            yield tag[0]


def _tags(text: str) -> Iterator[tuple[re.Match[str], bool]]:
    """Yield tags, and whether each has only a name, as in texts about HTML."""
    tags = list(_TAG.finditer(text))
    ended = {tag["name"].lower() for tag in tags if tag["end"]}
    for tag in tags:
        is_name = tag["name"] is not None and not tag["end"] and not tag["rest"]
        yield tag, is_name and tag["name"].lower() not in ended


def find_placeholders(line: str) -> Iterator[str]:
    """Yield texts that look like merge fields of other systems."""
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
    """Return whether signs are an emoticon, such as ``(^_^)`` or ``<(_ _)>``, and not a name."""
    return len(set(opened)) > 1 and len(set(re.findall(r"[^\W_]", name))) <= 1


_IN_FULL = msg("Write its address in full, such as https://…; leave it as it is if it is text.")
_AS_LINK = msg("Write [words](https://…) without a space, with ASCII brackets.")
KINDS = (
    SignKind(
        code="placeholder",
        find=find_placeholders,
        message=msg("A merge field of another mail system would reach readers as text"),
        remedy=msg("Replace it with the intended text, or remove it."),
    ),
    SignKind(
        code="html-literal",
        find=_markup,
        across=True,
        message=msg("An HTML tag would reach readers as text"),
        remedy=msg("Remove it or write Markdown; put it in ` if readers should see it."),
    ),
    SignKind(
        code="html-literal",
        find=_lone_tags,
        across=True,
        message=msg("Readers will see this HTML tag as text"),
        remedy=msg("Leave it as it is if they should, else remove it."),
        severity=Severity.HINT,
    ),
    SignKind(
        code="link-broken",
        find=_matches(_BROKEN_LINK),
        message=msg("This was probably meant to be a link, but is not"),
        remedy=_AS_LINK,
    ),
    SignKind(
        code="link-broken",
        find=_matches(_WIDE_LINK),
        message=msg("This may have been meant to be a link"),
        remedy=_AS_LINK,
        severity=Severity.HINT,
    ),
    SignKind(
        code="link-broken",
        find=_matches(_WITHOUT_ADDRESS),
        message=msg("This was probably meant to be a link, but is not"),
        remedy=_IN_FULL,
    ),
    SignKind(
        code="link-broken",
        find=lambda line: _matches(_PERHAPS_LINK)(_WITHOUT_ADDRESS.sub("", line)),
        message=msg("This may have been meant to be a link"),
        remedy=_IN_FULL,
        severity=Severity.HINT,
    ),
    SignKind(
        code="reference-unresolved",
        find=_at_start(_DEFINITION),
        message=msg("Nothing refers to this link, so readers will see its line"),
        remedy=msg("Write [words][label] where the link is meant to be, or remove the line."),
    ),
    SignKind(
        code="reference-unresolved",
        find=_matches(_REFERENCE),
        message=msg("A footnote or link refers to nothing here"),
        remedy=msg("Define it in the same text, or remove it."),
    ),
    SignKind(
        code="heading-sign",
        find=_at_start(_HEADING),
        message=msg("This line was probably meant to be a heading"),
        remedy=msg("Put a space after the ASCII # signs."),
    ),
    SignKind(
        code="heading-sign",
        find=_at_start(_WIKI_HEADING),
        message=msg("This line may have been meant to be a heading"),
        remedy=msg("Write # signs before a heading; leave it as it is if it is text."),
        severity=Severity.HINT,
    ),
    SignKind(
        code="heading-sign",
        find=_at_start(_HASH),
        message=msg("This line may have been meant to be a heading"),
        remedy=msg("Put a space after the # for a heading; leave it as it is for a hashtag."),
        severity=Severity.HINT,
    ),
    SignKind(
        code="block-literal",
        find=_at_start(re.compile(r":{3,}[ \t]*\S{0,20}")),
        message=msg("This line was probably meant to begin or end a block"),
        remedy=msg("Write ::: and the name of a block, such as :::event, or take it out."),
    ),
    SignKind(
        code="table-literal",
        find=_rows,
        across=True,
        message=msg("This line may have been meant to be a row of a table"),
        remedy=msg("Put a line such as |---|---| below the first row, and ASCII | between cells."),
        severity=Severity.HINT,
    ),
    SignKind(
        code="mark-literal",
        find=_loose_marks,
        message=msg("A Markdown mark would reach readers as text"),
        remedy=msg("Put it next to its word, add its counterpart, or remove it."),
    ),
    SignKind(
        code="front-matter-literal",
        find=_front_matter,
        across=True,
        message=msg("A second front matter would reach readers as text"),
        remedy=msg("Remove its lines; an issue has one front matter, before all of its text."),
    ),
    SignKind(
        code="underscores",
        find=_matches(_UNDERSCORES),
        message=msg("Underscores within a word do not emphasize"),
        remedy=msg("Write *…* for emphasis; leave them as they are in a name."),
        severity=Severity.HINT,
    ),
    SignKind(
        code="mark-literal",
        find=_dialect,
        message=msg("A mark that is not read here would reach readers as text"),
        remedy=msg("Remove it, and say in words what it was to do."),
    ),
)
CUT = SignKind(
    code="url-cut",
    find=_matches(_CUT_URL),
    message=msg("The link ends before the letters that follow this address"),
    remedy=msg("Put the whole address between < and >, or put a space after it."),
)
#: Addresses in running text that are no links.
BARE = (
    SignKind(
        code="link-broken",
        find=_matches(_BARE_HOST),
        message=msg("This address is not a link"),
        remedy=msg("Put https:// before it."),
    ),
    SignKind(
        code="link-broken",
        find=_matches(_BARE_NUMBER),
        message=msg("This number is not a link"),
        remedy=msg("Write [042-000-0000](tel:0420000000) with its digits, or remove “tel:”."),
    ),
)
SWALLOWED = SignKind(
    code="mark-swallowed",
    find=lambda _line: iter(()),
    message=msg(
        "A * or _ was read as emphasis where it probably is none, and will not reach readers"
    ),
    remedy=msg("Write \\* or \\_ for a sign that readers should see, or × for a product."),
)
