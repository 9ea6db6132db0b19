"""Extensions of CommonMark for running text: bare URLs, and emphasis next to Japanese.

In Japanese, no space follows a URL, so a URL ends before the first character that no URL contains:
``https://example.jp/musi（無料）`` ends before the bracket. Punctuation at the end of a sentence,
and closing brackets that are not opened in the URL, are not part of it, as in GFM's extended
autolinks.

Japanese has no spaces around emphasis either: in ``**「例」**は``, strong emphasis is intended.
CommonMark decides by the spaces around a mark and does not accept a mark between a bracket and a
letter. Here, East Asian characters have the role of spaces, following the amendment that other
editors also implement (github.com/tats-u/markdown-cjk-friendly).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink, normalizeLinkText
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace, unescapeAll
from markdown_it.rules_inline import image, link
from markdown_it.rules_inline.state_inline import Delimiter, StateInline

from newsletter.issues.model import Anchor, Inline, Text

_MARKS = frozenset("*_")
_STRUCK = "~"
_WIDE = frozenset("WFH")
#: Separators, before which a mark after a word does not open emphasis: "大人*、子ども*",
#: "8日*・15日*".
_PARTING = frozenset("、。，．・：；／,.:;/)）]］}｝」』】〉》〕")
#: Opening brackets, after which a mark before a word does not close emphasis: "(*注)と(*注2)".
_BEGINNING = frozenset("(（[［{｛「『【〈《〔")
#: Levels of nested labels; a picture in a link has two.
_DEEPEST_LABEL = 6
_Rule = Callable[[StateInline, bool], bool]
# The library fills its tables at the first URL. This is done here, since another thread could
# otherwise read incomplete tables and fail.
normalizeLinkText(normalizeLink("https://example.jp/"))


def read_emphasis_in_japanese(parser: MarkdownIt) -> None:
    """Make a parser recognize emphasis without spaces around it."""
    parser.inline.ruler.at("emphasis", _tokenize)
    parser.inline.ruler.at("strikethrough", _tokenize_struck)


def bound_labels(parser: MarkdownIt) -> None:
    """Limit the work of a parser for brackets that are not links or pictures.

    The parser searches the end of the label for each opening bracket, including inner brackets. For
    40,000 unclosed brackets, it would read eighty characters each, three times per preview.
    """
    parser.inline.ruler.at("link", _bounded(link))
    parser.inline.ruler.at("image", _bounded(image))


def _bounded(rule: _Rule) -> _Rule:
    """Return a rule that searches a label only if one can end, and only to a limited depth."""

    def look(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
        if _last_end(state) < state.pos:
            return False
        depth = state.env.get("label_depth", 0)
        if depth >= _DEEPEST_LABEL:
            # As in the parser's own limit of nesting: no label ends after this position.
            state.pos = state.posMax if silent else state.pos
            return silent
        state.env["label_depth"] = depth + 1
        try:
            return rule(state, silent)
        finally:
            state.env["label_depth"] = depth

    return look


def _last_end(state: StateInline) -> int:
    """Return the last possible end of a label; cached, since each bracket needs it.

    The cache compares the identity of the text, since comparing its content takes as long.
    """
    text, last = state.env.get("last_label_end", ("", -1))
    if text is not state.src:
        last = state.src.rfind("]")
        state.env["last_label_end"] = (state.src, last)
    return int(last)


def flanks(before: str, after: str, mark: str) -> tuple[bool, bool]:
    """Return whether marks between two characters can open and can close emphasis.

    The beginning and end of a line are passed as spaces. Between digits, a sign is that of a
    product.
    """
    if mark == "*" and before.isdecimal() and after.isdecimal():
        return False, False
    opens = _joins(after, before) and not (before.isalnum() and after in _PARTING)
    closes = _joins(before, after) and not (after.isalnum() and before in _BEGINNING)
    if mark != "_":
        return opens, closes
    # Within a word, "_" is a letter; before a Japanese character it can close emphasis that was
    # opened after a space.
    return (
        opens and (not closes or _is_punctuation(before)),
        closes and (not opens or _is_punctuation(after) or _is_wide(after)),
    )


def _joins(word: str, other: str) -> bool:
    """Return whether marks belong to the ``word`` on one side and not to the other side."""
    if isWhiteSpace(ord(word)):
        return False
    if not _is_punctuation(word) or _is_wide(word):
        return True
    return isWhiteSpace(ord(other)) or _is_punctuation(other) or _is_wide(other)


def _is_punctuation(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in _WIDE


def _tokenize(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    """Apply markdown-it's rule of emphasis with `flanks`."""
    mark = state.src[state.pos]
    if silent or mark not in _MARKS:
        return False
    end = state.pos
    while end < state.posMax and state.src[end] == mark:
        end += 1
    before = state.src[state.pos - 1] if state.pos else " "
    opens, closes = flanks(before, state.src[end] if end < state.posMax else " ", mark)
    length = end - state.pos
    for _ in range(length):
        state.push("text", "", 0).content = mark
        state.delimiters.append(
            Delimiter(
                marker=ord(mark),
                length=length,
                token=len(state.tokens) - 1,
                end=-1,
                open=opens,
                close=closes,
            )
        )
    state.pos = end
    return True


def _tokenize_struck(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as above
    """Parse two ``~`` with `flanks`; a single one is a range of numbers, three begin code."""
    if silent or state.src[state.pos] != _STRUCK:
        return False
    end = state.pos
    while end < state.posMax and state.src[end] == _STRUCK:
        end += 1
    state.push("text", "", 0).content = state.src[state.pos : end]
    if end - state.pos == len("~~"):
        before = state.src[state.pos - 1] if state.pos else " "
        opens, closes = flanks(before, state.src[end] if end < state.posMax else " ", _STRUCK)
        state.delimiters.append(
            Delimiter(
                marker=ord(_STRUCK),
                length=0,  # CommonMark's rule of multiples of three does not apply
                token=len(state.tokens) - 1,
                end=-1,
                open=opens,
                close=closes,
            )
        )
    state.pos = end
    return True


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
#: An ASCII host, or one that begins with other letters and ends with an ASCII domain.
_HOST = rf"(?:(?:{_LABEL}\.)+{_LABEL}|(?=[^\x00-\x7f])(?:[\w-]+\.)+[A-Za-z][A-Za-z0-9-]+)"
#: Non-ASCII letters of scripts with spaces between words, as browsers show and copy them in URLs.
_LETTERS = (
    r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u037d\u037f-\u0386\u0388-\u0556\u0561-\u0587"
    r"\u05d0-\u05ea\u0620-\u0669\u066e-\u06d3\u0904-\u0963\u0966-\u0dff\u10a0-\u10ff\u1e00-\u1fff"
)
#: Characters of paths and queries; names of list parameters have brackets:
#: ``?label[]=bug&filter[age]=5``.
_REST = (
    rf"(?:[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%{_LETTERS}]|\\[_*~&]"
    r"|(?<=[\w\]])\[[\w.-]{0,40}\](?=[=&\[]))*"
)
#: A URL does not begin within a word.
_BEFORE = r"(?<![A-Za-z0-9])"
_URL = re.compile(rf"https?://{_HOST}(?::[0-9]+)?(?:[/?#]{_REST})?", re.IGNORECASE)
_SCHEME = re.compile(rf"{_BEFORE}https?$", re.IGNORECASE)
_MAILBOX = r"[A-Za-z0-9][A-Za-z0-9._%+-]*"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]")
_MAILBOX_END = re.compile(rf"(?<![A-Za-z0-9._%+-]){_MAILBOX}$")
_EITHER = re.compile(
    rf"(?P<url>{_BEFORE}{_URL.pattern})|(?<![A-Za-z0-9._%+-]){_MAILBOX}@{_DOMAIN.pattern}",
    re.IGNORECASE,
)
#: Characters of a local part, by RFC 5321.
_LONGEST_MAILBOX = 64
#: Characters that end the text around a URL; also "_", if an earlier one may have opened emphasis.
_TRAILING = "?!.,:;*~'"
_OPENING_LINE = re.compile(r"(?<![\w\\])_(?=\S)")
#: Characters before an address that are searched for its beginning; limited, since a text can
#: contain many addresses.
_LOOKED_THROUGH = 1000
_IN_NAME = r"[^\x00-\x20\\`*\[\]<>|?\":@^~&\u3000-\u3002「」『』（）、。]"
#: A name in brackets within a path, such as a folder's, which is no link; and any name in a path.
_IN_BRACKETS = rf"(?:\[{_IN_NAME}+\](?![(\[:])|<{_IN_NAME}+>)"
_ALL_FILES = r"\*(?:\.[A-Za-z0-9*]{1,8})?(?![^\n]{0,200}\\\*)(?![*\w])"
#: A Windows path such as ``C:\\Users\\_a`` or ``\\\\host\\b``, up to a character that no file name
#: has or that begins other markup. Its backslashes are no escapes, not even before ``[a]``.
WINDOWS_PATH = re.compile(
    rf"(?<![A-Za-z0-9\\;])(?:[A-Za-z]:\\(?:(?![\\`*\[\]<>|?\":@^~&])|(?={_IN_BRACKETS}|{_ALL_FILES})"
    rf")"
    rf"|\\\\[A-Za-z0-9][A-Za-z0-9._-]*\\(?={_IN_NAME}|{_IN_BRACKETS}|{_ALL_FILES}))"
    rf"(?:{_IN_NAME}|(?<=\\){_IN_BRACKETS})*(?:\\(?:{_IN_NAME}|(?<=\\){_IN_BRACKETS})*)*(?:(?<=\\){_ALL_FILES})?"
)
#: Positions in plain text at which a backslash prevents a link.
GUARDED = re.compile(
    r"(?<=http)(?=://)|(?<=https)(?=://)|(?<=[A-Za-z0-9._%+-])(?=@[A-Za-z0-9][A-Za-z0-9-]*\.)"
)


def scheme_before(text: str, position: int) -> str:
    """Return the ``http`` or ``https`` that ends at a position; empty if there is none."""
    match = _SCHEME.search(text[max(0, position - 6) : position])
    return match[0] if match else ""


def mailbox_before(text: str) -> str:
    """Return the local part of a mail address at the end of a text."""
    match = _MAILBOX_END.search(text[-_LONGEST_MAILBOX - 2 :])
    return match[0] if match and len(match[0]) <= _LONGEST_MAILBOX else ""


def url_at(text: str, position: int) -> str:
    """Return the URL that begins at a position, as typed; empty if there is none."""
    match = _URL.match(text, position)
    return _trimmed(match, text) if match else ""


def domain_at(text: str, position: int) -> str:
    """Return the domain that begins at a position; empty if there is none."""
    match = _DOMAIN.match(text, position)
    return match[0] if match else ""


def _trimmed(match: re.Match[str], text: str) -> str:
    url, begins = match[0], match.start()
    is_in_marks = _OPENING_LINE.search(text, max(begins - _LOOKED_THROUGH, 0), begins)
    ends = f"{_TRAILING}_" if is_in_marks else _TRAILING
    while True:
        shorter = url.rstrip(ends)
        if shorter.endswith(")") and shorter.count(")") > shorter.count("("):
            shorter = shorter[:-1]
        if shorter == url:
            return url
        url = shorter


def target_of(typed: str) -> str:
    """Return the target of a typed URL: escapes and references resolved, percent-encoded."""
    return normalizeLink(unescapeAll(typed))


def link_bare_addresses(text: str) -> tuple[Inline, ...]:
    """Return plain text in which all URLs and addresses are links."""
    return tuple(_linked(text))


def _linked(text: str) -> Iterator[Inline]:
    done = 0
    for match in _EITHER.finditer(text):
        typed = _trimmed(match, text) if match["url"] else match[0]
        if match.start() > done:
            yield Text(text=text[done : match.start()])
        url = normalizeLink(typed) if match["url"] else f"mailto:{typed}"
        yield Anchor(url=url, content=(Text(text=typed),))
        done = match.start() + len(typed)
    if done < len(text):
        yield Text(text=text[done:])
