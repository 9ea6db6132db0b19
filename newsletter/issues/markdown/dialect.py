"""The rules of this dialect that differ from CommonMark, as rules of markdown-it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, fence, lheading, list_block, reference
from markdown_it.rules_block.table import table
from markdown_it.rules_inline import StateInline
from mdit_py_plugins.footnote import footnote_plugin

from newsletter.issues.checks.markup_kinds import find_placeholders
from newsletter.issues.markdown.fences import read_fences
from newsletter.issues.markdown.inline import (
    WINDOWS_PATH,
    bound_labels,
    domain_at,
    mailbox_before,
    read_emphasis_in_japanese,
    scheme_before,
    target_of,
    url_at,
)
from newsletter.issues.markdown.tables import MOST_CELLS, TooManyCellsError, as_wide_as_its_rows

#: Levels of nested lists, quotations and marks; HTML parsers stop at 256 elements.
DEEPEST = 40
_BREAK = re.compile(r"<br[ \t]*/?>[ \t]*\n?[ \t]*", re.IGNORECASE)
_LINE_END = re.compile(r"\s*\n\s*")
_COMMENT, _COMMENT_END = "<!--", "-->"
_FOREIGN_FIELD = re.compile(r"\*\|[\w:. -]+\|\*|\{\{[^{}\n`<\\&]+\}\}|\{%[^{}\n`<\\&]+%\}")
#: Text that is kept literally: names of Python, which would become bold (``__init__.py``,
#: ``x.__class__``); TeX formulas, whose backslashes would be escapes, except before brackets of
#: words, which programs escape; and emoticons with arms.
_VERBATIM = re.compile(
    r"__[A-Za-z](?:\w{0,60}[A-Za-z0-9])?__(?=\.[A-Za-z_]|\(\))|(?<=[\w)]\.)__[A-Za-z]\w{0,60}__(?!\w)"
    r"|\\\((?:[A-Za-z]|(?=[ -'*-[\]-~]{0,79}[=^_+<>])[ -'*-[\]-~]{1,80})\\\)"
    r"|\\\([^()\n\\]{1,20}\)/",
    re.ASCII,
)
#: A Unix path up to a name in it, ``~/_a`` or ``/srv/www/_a``, whose signs are literal.
_PATH_TO_NAME = re.compile(
    r"(?:(?<![!-~])|(?<=[(:\"'=]))"
    r"(?:(?:~|\.{1,2})(?:/[A-Za-z0-9._~+*-]+)*|(?:/[A-Za-z0-9._~+*-]+)+)/\Z"
)
_SIGNS_OF_NAME = re.compile(r"([*_])\1*(?=[A-Za-z0-9.])")
#: Characters before a name that are searched for its path.
_LONGEST_PATH = 200
#: A list number that is followed by another one: "2026. 12. 6" is a date, and "1. 2. a" is no list.
_NUMBER_BEFORE = re.compile(r"\d{1,9}[.)][ \t]+\Z")
_NUMBER = re.compile(r"\d{1,9}[.)](?:[ \t]|$)", re.MULTILINE)
#: The beginning of a merge field; in text, its bracket is always escaped.
MERGE_FIELD = ":field["
_MERGE_FIELD = re.compile(
    re.escape(MERGE_FIELD) + r"([^\]\[|\\\s]{1,64})(?:\|((?:[^\]\\\n]|\\[\]\\])*))?\]"
)
#: Characters of a merge field with its fallback; without a limit, the end of each unclosed field
#: would be searched in the whole text.
_LONGEST_FIELD = 1000
_ESCAPED = re.compile(r"\\([\]\\])")
#: A line and the underline below it.
_HEADING_LINES = 2
#: Parts of URLs of any kind: a scheme, a path, a host or file name, a mailbox.
_ADDRESS = re.compile(
    r"^(?:https?|mailto|tel|javascript|vbscript|data|file|ftps?|sftp|blob|about|cid|sms|webcal):"
    r"|/|^[#?.]|\w\.[A-Za-z]{2}|@",
    re.IGNORECASE,
)
#: The character of decorative lines that also opens code, and the longest such fence.
_DRAWN, _LONGEST_FENCE = "~", 8
#: Characters of malformed text in an error.
_SHOWN = 30
#: Empty comments in HTML.
_EMPTY_COMMENT = re.compile(r"<!--(?:-?>|-->)")
#: The type of the token for a comment without an end.
OPEN_COMMENT = "comment_open_end"


@dataclass(slots=True)
class Definitions:
    """The definitions of links: the line after each definition, by its first line."""

    used: dict[int, int] = field(default_factory=dict)
    unused: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class ReadCount:
    """The amount of text read so far, in one text or in several texts of one issue."""

    cells: int = 0
    letters: int = 0


@lru_cache(maxsize=1)
def dialect_parser() -> MarkdownIt:
    """Return the parser of the dialect, which is created once."""
    options = {"html": False, "maxNesting": DEEPEST, "store_labels": True}
    parser = _Parser("commonmark", options)
    parser.enable(["table", "strikethrough"])
    parser.block.ruler.at("table", _bounded_table, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.at("lheading", _one_line_heading)
    parser.block.ruler.at("reference", _used_reference)
    parser.block.ruler.at("fence", _code, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    parser.block.ruler.at("list", _list_of_words, {"alt": ["paragraph", "reference", "blockquote"]})
    parser.block.ruler.before("paragraph", "table_end", _table_end, {"alt": ["blockquote"]})
    read_fences(parser)
    footnote_plugin(parser, move_to_end=False)
    read_emphasis_in_japanese(parser)
    keep_faces(parser)
    bound_labels(parser)
    parser.block.ruler.before(
        "paragraph", "comment", _comment_block, {"alt": ["paragraph", "reference", "blockquote"]}
    )
    parser.inline.ruler.before("autolink", "markup", _markup)
    parser.inline.ruler.after("text", "bare_link", _bare_link)
    parser.inline.ruler.after("text", "foreign_field", _foreign_field)
    parser.inline.ruler.after("text", "verbatim", _verbatim)
    parser.inline.ruler.after("text", "path", _path)
    parser.inline.ruler.after("text", "name_in_path", _name_in_path)
    parser.inline.ruler.after("text", "merge_field", _merge_field)
    return parser


class _Parser(MarkdownIt):
    """Accepts all URLs, also unsafe ones, which are reported later and do not silently become text.

    Texts that are no URLs are not links: ``b[i](x)``, ``[会場](雨天時は体育館)``, ``<FAX:042-…>``.
    """

    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's hook
        typed = unquote(url)
        return not url or bool(_ADDRESS.search(typed) or next(find_placeholders(typed), ""))


def _bounded_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """Parse a GFM table that is as wide as its longest row, up to a total number of cells."""
    before = len(state.tokens)
    is_table = table(state, start, end, silent)
    if is_table and not silent:
        state.tokens[before:] = as_wide_as_its_rows(state, state.tokens[before:])
    cells = sum(token.type in {"th_open", "td_open"} for token in state.tokens[before:])
    count: ReadCount = state.env["cells"]
    count.cells += cells
    if count.cells > MOST_CELLS:
        raise TooManyCellsError(start)
    return is_table


def _list_of_words(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """Parse a list of CommonMark, except one whose item is only another list number.

    "2026. 12. 6." is a date and not several nested lists.
    """
    begin = state.bMarks[start] + state.tShift[start]
    before = state.src[state.src.rfind("\n", 0, begin) + 1 : begin]
    if _NUMBER_BEFORE.search(before) and _NUMBER.match(state.src, begin, state.eMarks[start]):
        return False
    return list_block(state, start, end, silent)


def _one_line_heading(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """Parse one underlined line as a heading.

    CommonMark also makes one heading of several lines, whose author rather meant a rule.
    """
    before, line, kind = len(state.tokens), state.line, state.parentType
    if not lheading(state, start, end, silent):
        return False
    if state.line - start <= _HEADING_LINES:
        return True
    del state.tokens[before:]
    state.line, state.parentType = line, kind
    return False


def _used_reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """Parse the definition of a link; an unused definition is text, with the lines after it.

    The text ends before the next definition, which would be lost otherwise.
    """
    definitions: Definitions = state.env["definitions"]
    if start not in definitions.unused:
        return reference(state, start, end, silent)
    last = start
    while last in definitions.unused:
        last = definitions.unused[last]
    if last not in definitions.used:
        return False
    state.push("paragraph_open", "p", 1).map = [start, last]
    inline = state.push("inline", "", 0)
    inline.content = state.getLines(start, last, state.blkIndent, False).strip()  # noqa: FBT003
    inline.map, inline.children = [start, last], []
    state.push("paragraph_close", "p", -1)
    state.line = last
    return True


def _code(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """Parse fenced code; a decorative or unclosed line of ``~`` is text."""
    if not fence(state, start, end, True):  # noqa: FBT003
        return False
    line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]].strip()
    length = len(line) - len(line.lstrip(line[0]))
    may_be_drawn = line[0] == _DRAWN
    if may_be_drawn and (
        length >= _LONGEST_FENCE if length == len(line) else line.endswith(_DRAWN)
    ):
        return False
    # If one fence is unclosed, so are all later ones of this length, so the search is not repeated.
    within = (state.level, state.blkIndent, end)
    since, shortest = state.env.setdefault("open_code", {}).get(within, (end, length))
    if may_be_drawn and start >= since and length >= shortest:
        return False
    if silent and not may_be_drawn:
        return True
    before, above = len(state.tokens), state.line
    fence(state, start, end, False)  # noqa: FBT003
    at = state.line - 1
    last = state.src[state.bMarks[at] + state.tShift[at] : state.eMarks[at]].strip()
    is_closed = at > start and set(last) == {line[0]} and len(last) >= length
    state.tokens[-1].meta = {"is_closed": is_closed}
    if silent or (may_be_drawn and not is_closed):
        del state.tokens[before:]
        state.line = above
    if may_be_drawn and not is_closed:
        state.env["open_code"][within] = (start, length)
        return False
    return True


def _table_end(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: ARG001, FBT001
    """End a table at a line without a bar, such as a remark or a link directly below it.

    In GFM it would be a row with one cell.
    """
    line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    return silent and state.parentType == "table" and "|" not in line


def _comment_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """Parse a comment that has its own lines; other comments belong to running text."""
    if state.is_code_block(start):
        return False
    begin = state.bMarks[start] + state.tShift[start]
    if not state.src.startswith(_COMMENT, begin) or _EMPTY_COMMENT.match(state.src, begin):
        return False
    close = _comment_end(state, begin + len(_COMMENT))
    last = bisect_right(state.bMarks, close, start, end) - 1
    if close >= state.eMarks[end - 1] or (
        state.src[close + len(_COMMENT_END) : state.eMarks[last]].strip()
    ):
        return False
    for line in range(start + 1, last + 1):
        if not state.isEmpty(line) and state.sCount[line] < state.blkIndent:
            return False
    if not silent:
        token = state.push("comment", "", 0)
        token.map = [start, last + 1]
        lines = state.getLines(start, last + 1, state.blkIndent, False)  # noqa: FBT003
        inner = lines.strip()[len(_COMMENT) :]
        token.content = inner[: inner.index(_COMMENT_END)]
        state.line = last + 1
    return True


def _comment_end(state: StateBlock, begin: int) -> int:
    """Return the end of the next comment; cached, since the search may read the whole text."""
    since, end = state.env.get("comment_end", (begin, -1))
    if not since <= begin <= end:
        found = state.src.find(_COMMENT_END, begin)
        end = len(state.src) if found < 0 else found
        state.env["comment_end"] = (begin, end)
    return int(end)


def _markup(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    """Parse ``<br>`` and comments within running text."""
    if empty := _EMPTY_COMMENT.match(state.src, state.pos):
        state.pos = empty.end()
        return True
    if state.src.startswith(_COMMENT, state.pos):
        begin = state.pos + len(_COMMENT)
        end = state.src.find(_COMMENT_END, begin, state.posMax)
        if not silent:
            state.push(OPEN_COMMENT if end < 0 else "comment", "", 0)
            state.tokens[-1].content = _LINE_END.sub(" ", state.src[begin:end])
        state.pos = state.posMax if end < 0 else end + len(_COMMENT_END)
        return True
    match = _BREAK.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = match.end()
    return True


def _path(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    """Keep a Windows path literally, although its backslashes may be escapes."""
    begin = state.pos - (state.src[state.pos] == ":")
    found = WINDOWS_PATH.match(state.src, begin, state.posMax) if begin >= 0 else None
    if found is None or not state.pending.endswith(state.src[begin : state.pos]):
        return False
    if not silent:
        state.append_pending(state.src[state.pos : found.end()])
    state.pos = found.end()
    return True


def _name_in_path(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as above
    """Keep signs at the beginning of a name in a path literally: ``~/__backup__/a.csv``."""
    signs = _SIGNS_OF_NAME.match(state.src, state.pos, state.posMax)
    before = state.src[max(0, state.pos - _LONGEST_PATH) : state.pos]
    if signs is None or not _PATH_TO_NAME.search(before):
        return False
    if not silent:
        state.append_pending(signs[0])
    state.pos = signs.end()
    return True


def _foreign_field(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as above
    """Keep a merge field of another mail system literally, although its signs may be marks."""
    return _as_it_stands(_FOREIGN_FIELD, state, silent=silent)


def _verbatim(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as above
    return _as_it_stands(_VERBATIM, state, silent=silent)


def _as_it_stands(pattern: re.Pattern[str], state: StateInline, *, silent: bool) -> bool:
    match = pattern.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.append_pending(match[0])
    state.pos = match.end()
    return True


def _merge_field(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as above
    """Parse ``:field[name|fallback]``; a malformed one becomes a token without a field."""
    if not state.src.startswith(MERGE_FIELD, state.pos):
        return False
    match = _MERGE_FIELD.match(state.src, state.pos, min(state.posMax, state.pos + _LONGEST_FIELD))
    if not silent:
        token = state.push("merge_field", "", 0)
        token.content = state.src[state.pos : state.pos + _SHOWN]
        if match:
            token.meta = {"field": match[1], "fallback": _ESCAPED.sub(r"\1", match[2] or "")}
    state.pos = match.end() if match else state.pos + len(MERGE_FIELD)
    return True


def write_merge_field(field: str, fallback: str) -> str:
    """Return the Markdown of a merge field."""
    words = re.sub(r"([\\\]])", r"\\\1", " ".join(fallback.split()))
    return f"{MERGE_FIELD}{field}|{words}]" if words else f"{MERGE_FIELD}{field}]"


def _bare_link(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    """Parse a bare URL or address, at the character in it that ends a run of text."""
    if state.linkLevel:
        return False
    match state.src[state.pos]:
        case ":":
            before = scheme_before(state.src, state.pos)
            typed = url_at(state.src[: state.posMax], state.pos - len(before)) if before else ""
            target = target_of(typed)
        case "@" if not silent:
            before = mailbox_before(state.pending)
            if before == state.pending and state.tokens and state.tokens[-1].type != "softbreak":
                return False
            domain = domain_at(state.src[: state.posMax], state.pos + 1) if before else ""
            typed = f"{before}@{domain}" if domain else ""
            target = f"mailto:{typed}"
        case _:
            return False
    if not typed:
        return False
    if not silent:
        if not state.pending.endswith(before):
            return False
        state.pending = state.pending[: -len(before)]
        state.push("link_open", "a", 1).attrs = {"href": target}
        state.push("text", "", 0).content = typed
        state.push("link_close", "a", -1)
    state.pos += len(typed) - len(before)
    return True


_MOST = 12
#: Signs and letters that represent eyes, mouths and hands in emoticons.
_SIGNS = (
    r" _*`~^;:'\",.=+<>@#|/!?$%&0-9oOTQxXuUvV"
    r"\u00a1-\u00bf\u00d7\u00f7\u02c6-\u036f\u2010-\u2bff\u3000-\u3007\u3012-\u303f\u30fb\u30fc"
    r"\uff01-\uff07\uff0a-\uff20\uff3b-\uff40\uff5b-\uff65\uff9e\uff9f\uffe0-\uffe6"
    r"εωσдДノシツ人口ﾉ꒳「」-"
)
#: An emoticon in brackets; words, numbers and paired marks are not emoticons.
_FACE = re.compile(
    r"[(（](?!(?P<mark>[*_])[0-9A-Za-zノシツ人口]+(?P=mark)[)）]|(?:\*\*|__|~~)[^)）]+(?:\*\*|__|~~)[)）]"
    r"|[^)）]*`[^)）`]*`|[0-9 ,.]*[0-9][*×/+=-])"
    rf"[{_SIGNS}]{{1,{_MOST}}}[)）]"
)
#: A lying emoticon with arms: "_(:3」∠)_"; but "_(2)_" and "_(sic)_" are emphasis.
_LYING = re.compile(rf"_(?=[(（][0-9 .,]*[^0-9 .,)）]){_FACE.pattern}_(?![A-Za-z0-9])")
_MARKS = frozenset("_*`~")


def keep_faces(parser: MarkdownIt) -> None:
    """Make a parser keep the signs of emoticons literally.

    Emoticons are common in Japanese mail. In CommonMark, two of them in a paragraph can be parsed
    as emphasis, and their eyes disappear. Brackets that contain a word are no emoticon.
    """
    parser.inline.ruler.before("backticks", "face", _face)


def _face(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    if state.src[state.pos] not in _MARKS:
        return False
    lying = _LYING.match(state.src, state.pos, min(state.pos + _MOST + 4, state.posMax))
    if lying is not None:
        if not silent:
            state.pending += lying[0]
        state.pos = lying.end()
        return True
    begin = max(state.pos - _MOST, 0)
    opened = max(state.src.rfind(sign, begin, state.pos) for sign in "(（")
    # Limited to the longest emoticon; otherwise the rest of the text is searched for each bracket.
    end = min(opened + _MOST + 2, state.posMax)
    match = _FACE.match(state.src, opened, end) if opened >= 0 else None
    if match is None or match.end() <= state.pos:
        return False
    if not silent:
        state.pending += state.src[state.pos : match.end()]
    state.pos = match.end()
    return True
