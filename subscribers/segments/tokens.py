"""The words of the query language: each with its column, so that errors name the place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import Message, msg

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\["\\])*")
      | (?P<date>\d{4}-\d{2}-\d{2}(?![\w-]))
      | (?P<number>-?\d{1,18}(?:\.\d{1,18})?(?![\w.]))
      | (?P<word>[^\W\d][\w-]*)
      | (?P<sign>!=|<=|>=|[=<>(),.])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A word, a value or a sign; the last one is the end."""

    kind: str
    text: str
    column: int


def fault(token: Token, what: Message, remedy: Message) -> ListError:
    """Return the error that something is wrong at a token."""
    place = Place(source=msg("segment"), column=token.column)
    return ListError(what, place=place, remedy=remedy)


def tokens_of(text: str) -> list[Token]:
    """Return the words of a text.

    Raises:
        ListError: Something in it is none; the place names the column.
    """
    tokens: list[Token] = []
    at = 0
    while not tokens or tokens[-1].kind != "end":
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            rest = text[at:].lstrip()
            here = Token(kind="", text=rest[:1], column=len(text) - len(rest) + 1)
            if here.text == '"':
                raise fault(
                    here,
                    msg("This string is not closed."),
                    msg('Close it with ". Write \\" within it.'),
                )
            raise fault(
                here,
                msg("“{text}” has no meaning here.", text=rest[:12]),
                msg("Put strings in double quotation marks."),
            )
        kind = match.lastgroup
        tokens.append(Token(kind=kind, text=match[kind], column=match.start(kind) + 1))
        at = match.end()
    return tokens
