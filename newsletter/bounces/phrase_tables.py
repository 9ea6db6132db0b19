"""The vocabulary: what mail systems say, as phrases by theme and as patterns of grammar.

A phrase is looked for in words in lower case with single spaces, where ``@`` stands for each
address and links are left out; `` * `` in a phrase stands for a few words in between. Add a phrase
to the theme it speaks of, a table in ``phrases/*.toml``; the order of themes is in `Vocabulary` and
`newsletter.bounces.reasons`. A phrase is one system's wording; the patterns of
``phrases/grammar.toml`` are what wordings have in common, in whatever language: a person's or a
mailbox's name next to a word for "unknown" or "full". One side of such a pair alone says nothing:
"unknown command" and "account settings" are as common.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from newsletter.bounces.model import Reason

#: How far apart the two sides of `` * `` may stand.
_APART = 160
#: Between the sides of a pair: a few words of one clause, names, addresses and quotes too.
_WITHIN_CLAUSE = r"[^.;!?]{0,40}?"


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases of one theme.

    Attributes:
        whole: Those that stand as they are.
        pieces: The others, cut into what must follow each other.
    """

    whole: tuple[str, ...]
    pieces: tuple[tuple[str, ...], ...]

    def occurs_in(self, words: str) -> bool:
        """Tell whether words hold one of the phrases; linear in both."""
        return any(one in words for one in self.whole) or any(
            _follows(words, one) for one in self.pieces
        )


def _lists(file: str) -> dict[str, tuple[str, ...]]:
    text = files(__package__).joinpath("phrases", f"{file}.toml").read_text("utf-8")
    read = tomllib.loads(text)
    for name, table in read.items():
        if not isinstance(table, list) or not all(isinstance(one, str) for one in table):
            raise ValueError(f"{file}.toml, {name}: a table is a list of strings.")
    return {name: tuple(table) for name, table in read.items()}


@cache
def patterns(file: str) -> dict[str, tuple[str, ...]]:
    """Return the tables of regular expressions of a file in ``phrases/``.

    Raises:
        ValueError: It holds something else than lists of distinct regular expressions.
    """
    read = _lists(file)
    for name, table in read.items():
        for one in table:
            try:
                re.compile(one)
            except re.error as error:
                raise ValueError(f"{file}.toml, {name}: {one!r}: {error}.") from None
            if table.count(one) > 1:
                raise ValueError(f"{file}.toml, {name}: given twice: {one!r}.")
    return read


@cache
def tables(file: str) -> dict[str, tuple[str, ...]]:
    """Return the tables of phrases of a file in ``phrases/``.

    Raises:
        ValueError: It holds something else than lists of distinct phrases in lower case.
    """
    read = _lists(file)
    for name, table in read.items():
        wrong = [one for one in table if not one.strip() or one != one.lower()]
        twice = [one for one in table if table.count(one) > 1]
        if wrong or twice:
            raise ValueError(
                f"{file}.toml, {name}: not in lower case, or given twice: {[*wrong, *twice][0]!r}."
            )
    return read


def phrases(*tables: Iterable[str]) -> Phrases:
    """Prepare tables of phrases for looking up."""
    given = [one for table in tables for one in table]
    return Phrases(
        whole=tuple(one for one in given if " * " not in one),
        pieces=tuple(tuple(one.split(" * ")) for one in given if " * " in one),
    )


def _follows(words: str, pieces: tuple[str, ...]) -> bool:
    first = words.find(pieces[0])
    # A handful of beginnings suffices: words are one reply, not a book.
    for _ in range(8):
        if first < 0:
            return False
        at = first + len(pieces[0])
        for piece in pieces[1:]:
            position = words.find(piece, at, at + _APART + len(piece))
            if position < 0:
                break
            at = position + len(piece)
        else:
            return True
        first = words.find(pieces[0], first + 1)
    return False


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two tables of patterns whose members stand together within a clause, in this order."""

    pattern: re.Pattern[str]

    def occurs_in(self, words: str) -> bool:
        """Tell whether words hold a pair; linear in them, for what stands between is bounded."""
        return self.pattern.search(words) is not None


def pairs(
    left: Iterable[str], right: Iterable[str], *, between: str = _WITHIN_CLAUSE, spaced: bool = True
) -> Pairs:
    """Prepare two tables; ``spaced`` where a script parts its words."""
    edge = r"\b" if spaced else ""
    sides = ["|".join(sorted(side, key=len, reverse=True)) for side in (left, right)]
    return Pairs(re.compile(rf"{edge}(?:{sides[0]}){edge}{between}{edge}(?:{sides[1]}){edge}"))


Themes = tuple[tuple[Reason, Phrases], ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Vocabulary:
    """Phrases by theme.

    Attributes:
        mailbox: Of the mailbox; they win over everything, the person is there.
        others: Of the sender and the message, the more particular first.
        way: Of what lay between.
        named: The sender is named outright.
        blaming: Unknown people are many here: the sender is blamed for them.
        barring: A greeting that turns the caller away, whatever it says it lacks.
        for_sure: A directory's own words.
        perhaps: Content filters use the same words.
        at_last: Said of much else, too.
        for_now: A name server that does not answer today.
    """

    mailbox: Themes
    others: Themes
    way: Themes
    named: Phrases
    blaming: Phrases
    barring: Phrases
    filtered: Phrases
    for_sure: Phrases
    perhaps: Phrases
    at_last: Phrases
    no_mail: Phrases
    host: Phrases
    for_now: Phrases

    @classmethod
    def load(cls, keep: Callable[[str], bool] = bool) -> Vocabulary:
        """Read the tables; ``keep`` leaves phrases out, to see what is found without them."""

        def of(file: str, *names: str) -> Phrases:
            read = tables(file)
            return phrases(*(filter(keep, read[name]) for name in names))

        return cls(
            mailbox=(
                (Reason.MAILBOX_FULL, of("mailbox", "full")),
                (Reason.MESSAGE_TOO_BIG, of("mailbox", "too_big")),
                (Reason.SUSPENDED, of("mailbox", "suspended")),
                (Reason.MOVED, of("mailbox", "moved")),
            ),
            others=(
                (Reason.RELAYING_DENIED, of("sender", "relaying")),
                (Reason.AUTHENTICATION, of("sender", "authentication")),
                (Reason.RATE_LIMITED, of("sender", "rate")),
                (Reason.BLOCKED, of("sender", "blocked")),
                (Reason.SPAM, of("message", "spam")),
                (Reason.SENDER_REJECTED, of("sender", "rejected")),
                (Reason.POLICY, of("message", "policy")),
                (Reason.SECURITY, of("message", "security")),
                (Reason.CONTENT, of("message", "content")),
            ),
            way=(
                (Reason.NETWORK, of("transport", "network")),
                (Reason.EXPIRED, of("transport", "expired")),
                (Reason.SYSTEM, of("transport", "system")),
                (Reason.SYNTAX, of("transport", "syntax")),
            ),
            named=of("sender", "named"),
            blaming=of("sender", "relaying", "rate", "blaming"),
            barring=of("sender", "blocked"),
            filtered=of("transport", "filtered"),
            for_sure=of("unknown", "user_for_sure"),
            perhaps=of("unknown", "user_perhaps"),
            at_last=of("unknown", "user_at_last"),
            no_mail=of("unknown", "no_mail"),
            host=of("unknown", "host"),
            for_now=of("unknown", "host_for_now"),
        )
