"""Phrases of mail systems by theme, and grammar patterns: tables read from TOML files.

A phrase is searched in lower-case text with single spaces, where ``@`` stands for each address and
links are left out; `` * `` in a phrase stands for a few words in between. Add a phrase to the table
of its theme in ``phrases/*.toml``; the order of themes is in `PhraseBook` and
`newsletter.bounces.reasons`.

A phrase is the wording of one system. The patterns of ``phrases/grammar.toml`` are what wordings
have in common in any language: a noun for a person or a mailbox next to a word for "unknown" or
"full". One side of such a pair has no meaning alone: "unknown command" and "account settings" are
just as common.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from newsletter.bounces.model import Reason

#: Maximum distance between the two sides of `` * ``, in characters.
_APART = 160
#: Each Latin letter with diacritics and its plain letter; combining marks map to None.
_BARE: dict[int, str | None] = {
    **{
        code: base
        for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))
        if (base := unicodedata.normalize("NFKD", chr(code))[0]).isascii() and base.isalpha()
    },
    **dict.fromkeys(range(0x300, 0x370)),
    **{ord(one): bare for one, bare in ("đd", "ðd", "ıi", "łl", "øo")},
    ord("ß"): "ss",
    ord("æ"): "ae",
}
_UMLAUT = re.compile("[äöü](?![^\\[]*\\])")
_ESCAPED = re.compile(r"\\.")
_LATIN = re.compile(r"[a-z]")
_TOKEN = re.compile(r"\\.|.", re.DOTALL)
#: The text between the sides of a pair: a few words of one clause, including names and quotes.
_WITHIN_CLAUSE = r"[^.;!?]{0,40}?"


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases of one theme.

    Attributes:
        whole: Phrases without `` * ``.
        pieces: Phrases with `` * ``, split into the pieces that must follow each other.
    """

    whole: tuple[str, ...]
    pieces: tuple[tuple[str, ...], ...]

    def occurs_in(self, words: str) -> bool:
        """Return whether a text holds one of the phrases, in time linear in both."""
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
        ValueError: The file holds something else than lists of distinct regular expressions.
    """
    return {n: _expressions(f"{file}.toml, {n}", table) for n, table in _lists(file).items()}


def _expressions(where: str, table: Sequence[str]) -> tuple[str, ...]:
    for one in table:
        try:
            re.compile(one)
        except re.error as error:
            raise ValueError(f"{where}: {one!r}: {error}.") from None
        if table.count(one) > 1:
            raise ValueError(f"{where}: given twice: {one!r}.")
    return tuple(table)


#: The tables of each language in ``phrases/languages.toml``, and the grammar tables they extend.
_OF_LANGUAGE = {
    "person": "person",
    "sender": "sender",
    "absent": "absent_abroad",
    "denied": "denied",
    "room": "room",
    "full": "full",
    "passing": "passing",
    "not": "not",
    "being": "being",
    "supposing": "supposing",
    "many": "many",
    "undelivered": "undelivered",
    "future": "future",
}
#: The words that may stand between a negation and the verb that it negates.
_FEW = r"(?: [\w'-]{1,14}){0,3}? "


@cache
def grammar() -> dict[str, tuple[str, ...]]:
    """Return the tables of ``phrases/grammar.toml``, extended by those of each language.

    Raises:
        ValueError: A language lacks one of its tables, has a further one, or holds something else
            than regular expressions.
    """
    joined = {name: list(table) for name, table in patterns("grammar").items()}
    for language in _languages().values():
        for name, table in language.items():
            joined[_OF_LANGUAGE[name]] += table
    return {name: tuple(dict.fromkeys(table)) for name, table in joined.items()}


@cache
def _languages() -> dict[str, dict[str, tuple[str, ...]]]:
    text = files(__package__).joinpath("phrases", "languages.toml").read_text("utf-8")
    languages: dict[str, dict[str, tuple[str, ...]]] = {}
    for language, read in tomllib.loads(text).items():
        if not isinstance(read, dict) or read.keys() != _OF_LANGUAGE.keys():
            raise ValueError(f"languages.toml, {language}: not {', '.join(_OF_LANGUAGE)}.")
        languages[language] = {
            name: _expressions(f"languages.toml, {language}.{name}", table)
            for name, table in read.items()
        }
    return languages


@cache
def denials() -> Pairs:
    """Return patterns that deny a person with two words: a negation and a verb.

    "Not found", "kennen wir nicht", and "wir kennen diesen Empfänger nicht" with the person in
    between. In English the negation stands first.
    """
    composed = [_denial(patterns("grammar"), "not", "being")]
    for language in _languages().values():
        composed += [_denial(language, "not", "being"), _denial(language, "being", "not")]
    expressions = tuple(map(bare_expression, composed))
    whole, plain = (
        rf"\b(?:{_by_first_letter(table)})\b"
        for table in (expressions, filter(_is_for_ascii, expressions))
    )
    return Pairs(whole, plain)


def _denial(language: Mapping[str, Sequence[str]], first: str, second: str) -> str:
    return f"(?:{'|'.join(language[first])}){_FEW}(?:{'|'.join(language[second])})"


@cache
def tables(file: str) -> dict[str, tuple[str, ...]]:
    """Return the tables of phrases of a file in ``phrases/``.

    Raises:
        ValueError: The file holds something else than lists of distinct phrases in lower case.
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
    """Prepare tables of phrases for searching."""
    given = [one for table in tables for one in table]
    return Phrases(
        whole=tuple(one for one in given if " * " not in one),
        pieces=tuple(tuple(one.split(" * ")) for one in given if " * " in one),
    )


def _follows(words: str, pieces: tuple[str, ...]) -> bool:
    first = words.find(pieces[0])
    # Eight attempts suffice: the text is one reply, not a book.
    for _ in range(8):
        if first < 0:
            return False
        at = first + len(pieces[0])
        for piece in pieces[1:]:
            position = words.find(piece, at, at + _APART + len(piece))
            if position < 0 or ". " in words[at:position]:  # another sentence, about something else
                break
            at = position + len(piece)
        else:
            return True
        first = words.find(pieces[0], first + 1)
    return False


@dataclass(frozen=True, eq=False)
class Pairs:
    """Two tables of patterns whose members stand in one clause, in this order.

    The expressions are compiled on first use, because most processes never use them.

    Attributes:
        whole: The regular expression.
        ascii: The same expression, reduced to the patterns that can match ASCII text (most replies
            are ASCII); empty if there are none.
    """

    whole: str
    ascii: str

    def pattern(self, words: str) -> re.Pattern[str] | None:
        """Return the compiled pattern for a text; None if nothing can match."""
        return self._ascii if words.isascii() else self._whole

    def occurs_in(self, words: str) -> bool:
        """Return whether text without diacritics holds a pair, in time linear in its length."""
        pattern = self.pattern(words)
        return pattern is not None and pattern.search(words) is not None

    @cached_property
    def _whole(self) -> re.Pattern[str]:
        return re.compile(self.whole)

    @cached_property
    def _ascii(self) -> re.Pattern[str] | None:
        return re.compile(self.ascii) if self.ascii else None


def pairs(
    left: Iterable[str], right: Iterable[str], *, between: str = _WITHIN_CLAUSE, spaced: bool = True
) -> Pairs:
    """Combine two tables; ``spaced`` is whether the script puts spaces between words."""
    edge = r"\b" if spaced else ""

    def joined(sides: Iterable[Iterable[str]]) -> str:
        first, second = map(_by_first_letter, sides)
        if not (first and second):
            return ""
        return rf"{edge}(?:{first}){edge}{between}{edge}(?:{second}){edge}"

    given = tuple(tuple(map(bare_expression, side)) for side in (left, right))
    between = without_marks(between)
    whole = joined(given)
    if not whole:
        raise ValueError("A pair has two sides.")
    return Pairs(whole, joined(filter(_is_for_ascii, side) for side in given))


def _by_first_letter(expressions: Iterable[str]) -> str:
    """Join expressions by their first letter, so that one letter rules out a whole group.

    Some hundred expressions are tried at each word of a clause. The order has no effect: only the
    fact of a match matters.
    """
    by_letter: dict[str, list[str]] = {}
    for one in dict.fromkeys(part for given in expressions for part in _alternatives(given)):
        letter = one[0] if one[0].isalpha() and one[1:2] not in {"?", "*", "+", "{"} else ""
        by_letter.setdefault(letter, []).append(one.removeprefix(letter))
    return "|".join(
        f"{letter}(?:{'|'.join(rest)})" if letter else "|".join(rest)
        for letter, rest in by_letter.items()
    )


def _alternatives(expression: str) -> list[str]:
    """Return the alternatives that an expression begins with: ``(?:a|b)c`` is ``ac`` or ``bc``."""
    parts = _split_alternatives(expression)
    if len(parts) > 1:
        return [one for part in parts for one in _alternatives(part)]
    if expression.startswith("(?:"):
        end = _end_of_group(expression)
        rest = expression[end:]
        if rest[:1] not in {"?", "*", "+", "{"}:
            return [f"{one}{rest}" for one in _split_alternatives(expression[3 : end - 1])]
    return parts


def _split_alternatives(expression: str) -> list[str]:
    """Split an expression at each ``|`` outside groups and character classes."""
    parts, start = [], 0
    for at, letter in _outside(expression):
        if letter == "|":
            parts.append(expression[start:at])
            start = at + 1
    return [*parts, expression[start:]]


def _end_of_group(expression: str) -> int:
    return next(at + 1 for at, letter in _outside(expression) if letter == ")")


def _outside(expression: str) -> Iterator[tuple[int, str]]:
    """Yield each character outside groups with its offset, and each bracket that ends a group."""
    depth, in_class = 0, False
    for match in _TOKEN.finditer(expression):
        letter = match[0]
        if in_class:
            in_class = letter != "]"
        elif letter == "[":
            in_class = True
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        if not (depth or in_class):
            yield match.start(), letter


def _is_for_ascii(expression: str) -> bool:
    """Return whether an expression can match ASCII text: it has at least one ASCII letter."""
    return expression.isascii() or _LATIN.search(_ESCAPED.sub("", expression)) is not None


def without_marks(text: str) -> str:
    """Return text without diacritics on Latin letters: ASCII systems write "nao existe"."""
    return text if text.isascii() else text.translate(_BARE)


def bare_expression(expression: str) -> str:
    """Return an expression for text without diacritics; German in ASCII also has "ue" for "ü"."""
    return without_marks(_UMLAUT.sub(lambda letter: f"{letter[0]}e?", expression))


Themes = tuple[tuple[Reason, Phrases], ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PhraseBook:
    """Phrases by theme.

    Attributes:
        mailbox: The state of an existing mailbox. These phrases win over all others.
        others: The sender or the message is at fault; the more particular themes come first.
        way: A fault between the two servers.
        named: The text names the sender as the party at fault.
        blaming: The sender is blamed for the number of unknown recipients.
        barring: A greeting that refuses the client, whatever other fault it states.
        for_sure: The wording of a directory: the recipient is unknown.
        perhaps: The recipient is unknown, but content filters use the same wording.
        at_last: The recipient may be unknown; the wording is also used for many other faults.
        for_now: A name server that gives no answer at present.
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
    def load(cls, keep: Callable[[str], bool] = bool) -> PhraseBook:
        """Read the tables; ``keep`` filters phrases, so that a test can leave some out."""

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
