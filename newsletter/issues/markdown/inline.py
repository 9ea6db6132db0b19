"""What CommonMark lacks in running text: addresses as they are typed, emphasis next to Japanese.

Japanese writes no space behind an address, so it ends before the first character that no URL has:
``https://example.jp/musi（無料）`` ends before the bracket. Signs that end a sentence, and a
bracket that the address does not open, are not part of it, as in GFM's extended autolinks.

Nor does it write spaces around emphasis: ``**「例」**は`` is strong, as whoever writes it means.
CommonMark joins a mark to a word by the spaces around it; between a bracket and a letter, its mark
is none. Here East Asian characters do what spaces do elsewhere, by the amendment that other
editors follow, too (github.com/tats-u/markdown-cjk-friendly).
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
#: What ends or parts words and begins no emphasis behind one: "大人*、子ども*", "8日*・15日*".
_PARTING = frozenset("、。，．・：；／,.:;/)）]］}｝」』】〉》〕")
#: What ends no emphasis before a word: "(*注)と(*注2)".
_BEGINNING = frozenset("(（[［{｛「『【〈《〔")
#: Labels within labels: a picture in a link has two.
_DEEPEST_LABEL = 6
_Rule = Callable[[StateInline, bool], bool]
# The library fills tables at the first address that it reads; a thread that comes meanwhile would
# read them half filled, and fail.
normalizeLinkText(normalizeLink("https://example.jp/"))


def read_emphasis_in_japanese(parser: MarkdownIt) -> None:
    """Let a parser find emphasis also where no space stands around it."""
    parser.inline.ruler.at("emphasis", _tokenize)
    parser.inline.ruler.at("strikethrough", _tokenize_struck)


def bound_labels(parser: MarkdownIt) -> None:
    """Bound what a parser does for brackets that are no link's or picture's.

    Each bracket that opens is followed to where its label ends, through all that opens within it:
    of 40,000 that nothing ends, the parser would read eighty letters each, three times a preview.
    """
    parser.inline.ruler.at("link", _bounded(link))
    parser.inline.ruler.at("image", _bounded(image))


def _bounded(rule: _Rule) -> _Rule:
    """Return a rule that looks for a label only where one can end, and not deep within others."""

    def look(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
        if _last_end(state) < state.pos:
            return False
        depth = state.env.get("label_depth", 0)
        if depth >= _DEEPEST_LABEL:
            # As the parser does where it is nested too deeply: no label ends behind this.
            state.pos = state.posMax if silent else state.pos
            return silent
        state.env["label_depth"] = depth + 1
        try:
            return rule(state, silent)
        finally:
            state.env["label_depth"] = depth

    return look


def _last_end(state: StateInline) -> int:
    """Return where a label may end last; kept, or each bracket would read the text anew.

    By the very text: to compare it with an equal one reads it, too.
    """
    text, last = state.env.get("last_label_end", ("", -1))
    if text is not state.src:
        last = state.src.rfind("]")
        state.env["last_label_end"] = (state.src, last)
    return int(last)


def flanks(before: str, after: str, mark: str) -> tuple[bool, bool]:
    """Return whether marks between two characters may open, and may close, emphasis.

    A space stands for a line's beginning or end. Between digits a sign is that of a product.
    """
    if mark == "*" and before.isdecimal() and after.isdecimal():
        return False, False
    opens = _joins(after, before) and not (before.isalnum() and after in _PARTING)
    closes = _joins(before, after) and not (after.isalnum() and before in _BEGINNING)
    if mark != "_":
        return opens, closes
    # Within a word, "_" is a letter; before a Japanese one it can end what it began at a space.
    return (
        opens and (not closes or _is_punctuation(before)),
        closes and (not opens or _is_punctuation(after) or _is_wide(after)),
    )


def _joins(word: str, other: str) -> bool:
    """Whether marks belong to the ``word`` on one side, with something else on the other."""
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
    """Do what markdown-it's own rule does, by `flanks`."""
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
    """Take two ``~``, by `flanks` too; one stands between numbers, three begin verbatim lines."""
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
                length=0,  # no rule of three
                token=len(state.tokens) - 1,
                end=-1,
                open=opens,
                close=closes,
            )
        )
    state.pos = end
    return True


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
#: A host in ASCII, or one that begins with other letters and ends in a domain of ASCII.
_HOST = rf"(?:(?:{_LABEL}\.)+{_LABEL}|(?=[^\x00-\x7f])(?:[\w-]+\.)+[A-Za-z][A-Za-z0-9-]+)"
#: Letters beyond ASCII of scripts that part words by blanks, as browsers show and copy them.
_LETTERS = (
    r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u037d\u037f-\u0386\u0388-\u0556\u0561-\u0587"
    r"\u05d0-\u05ea\u0620-\u0669\u066e-\u06d3\u0904-\u0963\u0966-\u0dff\u10a0-\u10ff\u1e00-\u1fff"
)
#: In brackets a name of a list, as forms write it: ``?label[]=bug&filter[age]=5``.
_REST = (
    rf"(?:[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%{_LETTERS}]|\\[_*~&]"
    r"|(?<=[\w\]])\[[\w.-]{0,40}\](?=[=&\[]))*"
)
#: What makes one in the middle of a word no address.
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
#: Signs that end what stands around an address; "_" does where one before it may have begun it.
_TRAILING = "?!.,:;*~'"
_OPENING_LINE = re.compile(r"(?<![\w\\])_(?=\S)")
#: So many characters before an address are looked through for it: each of many is, in one text.
_LOOKED_THROUGH = 1000
_IN_NAME = r"[^\x00-\x20\\`*\[\]<>|?\":@^~&\u3000-\u3002「」『』（）、。]"
#: A name in brackets, as of a folder, whose brackets are no link's; and all names of a folder.
_IN_BRACKETS = rf"(?:\[{_IN_NAME}+\](?![(\[:])|<{_IN_NAME}+>)"
_ALL_FILES = r"\*(?:\.[A-Za-z0-9*]{1,8})?(?![^\n]{0,200}\\\*)(?![*\w])"
#: A path such as ``C:\\Users\\_a`` or ``\\\\host\\b``, up to a sign that no name of a file has, or
#: that begins something else. Its backslashes are no escapes, nor those before ``[a]``, ``*.pdf``.
WINDOWS_PATH = re.compile(
    rf"(?<![A-Za-z0-9\\;])(?:[A-Za-z]:\\(?:(?![\\`*\[\]<>|?\":@^~&])|(?={_IN_BRACKETS}|{_ALL_FILES})"
    rf")"
    rf"|\\\\[A-Za-z0-9][A-Za-z0-9._-]*\\(?={_IN_NAME}|{_IN_BRACKETS}|{_ALL_FILES}))"
    rf"(?:{_IN_NAME}|(?<=\\){_IN_BRACKETS})*(?:\\(?:{_IN_NAME}|(?<=\\){_IN_BRACKETS})*)*(?:(?<=\\){_ALL_FILES})?"
)
#: Where in plain text a backslash keeps an address from being one.
GUARDED = re.compile(
    r"(?<=http)(?=://)|(?<=https)(?=://)|(?<=[A-Za-z0-9._%+-])(?=@[A-Za-z0-9][A-Za-z0-9-]*\.)"
)


def scheme_before(text: str, position: int) -> str:
    """Return the ``http`` or ``https`` that ends at a position; empty where none does."""
    match = _SCHEME.search(text[max(0, position - 6) : position])
    return match[0] if match else ""


def mailbox_before(text: str) -> str:
    """Return the local part of a mail address that a text ends in."""
    match = _MAILBOX_END.search(text[-_LONGEST_MAILBOX - 2 :])
    return match[0] if match and len(match[0]) <= _LONGEST_MAILBOX else ""


def url_at(text: str, position: int) -> str:
    """Return the URL that begins at a position, as typed; empty where none does."""
    match = _URL.match(text, position)
    return _trimmed(match, text) if match else ""


def domain_at(text: str, position: int) -> str:
    """Return the domain that begins at a position; empty where none does."""
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
    """Return the address that a typed one leads to: escapes and references resolved, encoded."""
    return normalizeLink(unescapeAll(typed))


def link_bare_addresses(text: str) -> tuple[Inline, ...]:
    """Return plain text with each address in it as a link."""
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
