"""Sentences that stand one behind another on a page: Japanese puts no space between them."""

from __future__ import annotations

from collections.abc import Iterable

#: What a sentence or its lead-in ends with, as wide as the letters around it.
_ENDS = ("。", "！", "？", "：")
#: Elements that go on with the sentence before; links and small print keep their distance.
_GOES_ON = ("<strong", "<b>", "<em")


def join_japanese(pieces: Iterable[str]) -> str:
    """Join what a Japanese page's template yields, without blanks between its sentences.

    In a template each sentence has a line of its own; the browser would show the end of that line
    as a space. What somebody wrote is left as it is, as only what stands between two values or
    words of ours is taken out, and a bare end of a line, which is meant as one, stays.
    """
    joined: list[str] = []
    blanks: list[str] = []
    ended = False
    for piece in filter(None, pieces):
        if ended and piece.isspace() and not piece.endswith("\n"):
            blanks.append(piece)
            continue
        said = piece
        if ended and piece.lstrip().startswith(_GOES_ON):
            said, blanks = piece.lstrip(), []
        elif ended and not piece.startswith(("<", " ", "\n")):
            blanks = []
        joined += [*blanks, said]
        blanks = []
        ended = piece.endswith(_ENDS)
    return "".join([*joined, *blanks])
