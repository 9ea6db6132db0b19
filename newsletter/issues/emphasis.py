"""Emphasis next to Japanese: ``**「例」**は`` is strong, as whoever writes it means.

CommonMark joins a mark to a word by the spaces around it, which Japanese does not write: between a
bracket and a letter, its mark is none. Here East Asian characters do what spaces do elsewhere, by
the amendment that other editors follow, too (github.com/tats-u/markdown-cjk-friendly).
"""

from __future__ import annotations

import unicodedata

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.rules_inline.state_inline import Delimiter, StateInline

_MARKS = frozenset("*_")
_STRUCK = "~"
_WIDE = frozenset("WFH")


def read_emphasis_in_japanese(parser: MarkdownIt) -> None:
    """Let a parser find emphasis also where no space stands around it."""
    parser.inline.ruler.at("emphasis", _tokenize)
    parser.inline.ruler.at("strikethrough", _tokenize_struck)


def flanks(before: str, after: str, mark: str) -> tuple[bool, bool]:
    """Return whether marks between two characters may open, and may close, emphasis.

    A space stands for a line's beginning or end.
    """
    opens, closes = _joins(after, before), _joins(before, after)
    if mark == "*":
        return opens, closes
    # Within a word, "_" is a letter.
    return (
        opens and (not closes or _is_punctuation(before)),
        closes and (not opens or _is_punctuation(after)),
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
        opens, closes = flanks(before, state.src[end] if end < state.posMax else " ", "*")
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
