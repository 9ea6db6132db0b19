"""Signs in brackets that are a face or a note, and no marks: ``m(_ _)m``, ``(*^^*)``, ``(*)``.

Japanese mail is full of them. Each by itself may be no emphasis, but two of them in a paragraph
are, to CommonMark, and lose their eyes unseen. What holds a word is none.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline.state_inline import StateInline

_MOST = 12
#: Signs, and letters that eyes, mouths and hands are drawn with.
_SIGNS = (
    r" _*`~^;:'\",.=+<>@#|/!?$%&0-9oOTQxXuUvV"
    r"\u00a1-\u00bf\u00d7\u00f7\u02c6-\u036f\u2010-\u2bff\u3000-\u3007\u3012-\u303f\u30fb\u30fc"
    r"\uff01-\uff07\uff0a-\uff20\uff3b-\uff40\uff5b-\uff65\uff9e\uff9f\uffe0-\uffe6"
    r"εωσдДノシツ人口ﾉ꒳「」-"
)
#: Between brackets; a word, a number or signs that are marked in a pair are meant as such.
_FACE = re.compile(
    r"[(（](?!(?P<mark>[*_])[0-9A-Za-zノシツ人口]+(?P=mark)[)）]|(?:\*\*|__|~~)[^)）]+(?:\*\*|__|~~)[)）]"
    r"|[^)）]*`[^)）`]*`|[0-9 ,.]*[0-9][*×/+=-])"
    rf"[{_SIGNS}]{{1,{_MOST}}}[)）]"
)
#: A face that lies down, with its arms: "_(:3」∠)_"; "_(2)_" and "_(sic)_" are emphasis.
_LYING = re.compile(rf"_(?=[(（][0-9 .,]*[^0-9 .,)）]){_FACE.pattern}_(?![A-Za-z0-9])")
_MARKS = frozenset("_*`~")


def keep_faces(parser: MarkdownIt) -> None:
    """Let a parser take the marks of a face as they stand."""
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
    # No further than a face goes: a text of brackets would be looked through for each of them.
    end = min(opened + _MOST + 2, state.posMax)
    match = _FACE.match(state.src, opened, end) if opened >= 0 else None
    if match is None or match.end() <= state.pos:
        return False
    if not silent:
        state.pending += state.src[state.pos : match.end()]
    state.pos = match.end()
    return True
