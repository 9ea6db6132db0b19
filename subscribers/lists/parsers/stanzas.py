"""Lists of stanzas: each line has a name and a value, and a blank line separates people.

These are dumps of Sympa ("email a@b.example"), LDIF of directories (RFC 2849, "mail: a@b.example"),
and vCards of address books (RFC 6350, "EMAIL;TYPE=HOME:a@b.example"), which have a line at the
beginning and end of each. If such a list were read line by line, the values of one stanza could be
attributed to the address in the next one.
"""

from __future__ import annotations

import binascii
import quopri
import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple

from newsletter.errors import ListError
from subscribers.lists.parsers.encodings import require_encoding
from subscribers.lists.parsers.headings import HEAD_LINES, distinct_names
from subscribers.lists.records import Record
from subscribers.lists.words.formats import guess_field

#: Lines and characters after which a stanza is split.
_MOST_LINES, _MOST_LETTERS = 1000, 256 * 1024
#: The largest number of different column names in a list.
_MOST_NAMES = 500
#: The encoding in which a line that ends with "=" continues.
_QUOTED_PRINTABLE = "QUOTED-PRINTABLE"
#: The character set parameter of a value.
_CHARSET = re.compile(r"CHARSET=\"?(?:x-)?([\w-]{1,40})", re.IGNORECASE)
#: The name of lines without name.
_NAMELESS = "#"
_BEGIN, _END = "begin:vcard", "end:vcard"
#: A name with optional group (``item1.EMAIL``) and parameters, and the value. All quantifiers are
#: possessive, so that matching is linear in a line of a megabyte.
_COLON = re.compile(
    r"(?:[\w-]++\.)?([A-Za-z][\w-]*+)((?:;[^:\"]*+(?:\"[^\"]*+\"[^:\"]*+)*+)?+)(::?)[ \t]*+(.*)"
)
_BLANK = re.compile(r"([A-Za-z][\w-]*)[ \t]+(\S.*)")
#: How a line is preferred: ``PREF=1``, ``TYPE=WORK,PREF``, ``PREF``; and the rank of other lines.
_PREFERENCE, _NOT_PREFERRED = re.compile(r"(?i)\bPREF\b(?:=\"?(\d{1,3}))?"), 1000
#: The column of a person's further addresses, which are not imported.
_FURTHER = "further email"
_ESCAPED = re.compile(r"\\(.)")


class Stanza(NamedTuple):
    """The names and values of one person, in the order of the list.

    Attributes:
        line: The number of the first line.
    """

    line: int
    said: tuple[tuple[str, str], ...]

    @property
    def values(self) -> dict[str, str]:
        """The values by name; repeated names have a number."""
        names = _numbered(tuple(name for name, _ in self.said))
        return dict(zip(names, (value for _, value in self.said), strict=True))


@lru_cache(maxsize=256)
def _numbered(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the result of `distinct_names`, cached, since most stanzas have the same names."""
    return tuple(distinct_names(names))


def stanza_records(open_lines: Callable[[], Iterator[str]]) -> Iterator[Record] | None:
    """Return the records of a list of stanzas with all of their names; None for other lists.

    Args:
        open_lines: Opens the lines of the list at the beginning. The list is read twice, since the
            names are known only at its end.
    """
    lines = open_lines()
    head = list(islice(lines, HEAD_LINES))
    if not _are_stanzas(head):
        return None
    names: dict[str, None] = {}
    for stanza in _read_stanzas(chain(head, lines)):
        if len(names) < _MOST_NAMES:
            names.update(dict.fromkeys(stanza.values))
    return _records(tuple(names), _read_stanzas(open_lines()))


def _records(names: tuple[str, ...], stanzas: Iterator[Stanza]) -> Iterator[Record]:
    yield Record(0, names, (), header=True)
    columns = {name: at for at, name in enumerate(names)}
    for stanza in stanzas:
        cells, beyond = [""] * len(names), []
        for name, value in stanza.values.items():
            if name in columns:
                cells[columns[name]] = value
            else:
                beyond.append(value)
        yield Record(stanza.line, names, cells, beyond=", ".join(beyond))


def _are_stanzas(head: Sequence[str]) -> bool:
    """Return whether a list consists of stanzas, by its first lines.

    Each complete stanza except a preamble must have several lines, all with name and value, and one
    address under a known name for addresses.
    """
    first = next((line.strip() for line in head if line.strip()), "")
    if first.lower() == _BEGIN:
        return True
    groups: list[list[str]] = [[]]
    for line in head:
        if line.strip():
            groups[-1].append(line)
        elif groups[-1]:
            groups.append([])
    # The last stanza may be incomplete.
    whole = groups[:-1] if len(groups) > 1 else groups
    held = [group for group in whole if any("@" in line for line in group)]
    return bool(held) and all(len(group) > 1 and _is_stanza(group) for group in held)


def _is_stanza(lines: Sequence[str]) -> bool:
    said = [_read_line(line) for line in _unfolded(lines)]
    addresses = [one for one in said if one and "@" in one[1] and guess_field(one[0]) == "address"]
    return bool(addresses) and None not in said


def _read_stanzas(lines: Iterable[str]) -> Iterator[Stanza]:
    """Yield the stanzas of a list; single lines, such as a version, only with an address."""
    held: list[str] = []
    begun, letters = 1, 0
    for number, line in enumerate(lines, start=1):
        plain = line.strip()
        ends = not plain or plain.lower() in {_BEGIN, _END}
        if ends or len(held) >= _MOST_LINES or letters >= _MOST_LETTERS:
            yield from _stanza(begun, held)
            held, letters = [], 0
        if ends:
            continue
        begun = begun if held else number
        held.append(line)
        letters += len(line)
    yield from _stanza(begun, held)


def _stanza(line: int, held: Sequence[str]) -> Iterator[Stanza]:
    lines = _unfolded(held)
    said = tuple(_read_line(each) or (_NAMELESS, each.strip()) for each in lines)
    addresses = [at for at, (name, _) in enumerate(said) if guess_field(name) == "address"]
    if len(addresses) > 1:
        said = _with_preferred(said, min(addresses, key=lambda at: _preference(lines[at])))
    if len(said) > 1 or any("@" in value for _, value in said):
        yield Stanza(line, said)


def _with_preferred(said: Sequence[tuple[str, str]], preferred: int) -> tuple[tuple[str, str], ...]:
    """Return a person's lines with one as the address, and others of its name as further ones."""
    name = said[preferred][0]
    return tuple(
        (_FURTHER if at != preferred and each.lower() == name.lower() else each, value)
        for at, (each, value) in enumerate(said)
    )


def _preference(line: str) -> int:
    """Return the preference of a vCard's line (RFC 6350, 5.3), 1 first; of an old one 1 or none."""
    found = _COLON.fullmatch(line)
    preference = _PREFERENCE.search(found[2]) if found else None
    return int(preference[1] or 1) if preference else _NOT_PREFERRED


def _unfolded(lines: Iterable[str]) -> list[str]:
    """Return lines with continuation lines joined, and without comments."""
    whole: list[str] = []
    is_quoted = False
    for line in lines:
        text = line.rstrip("\r\n")
        if text.startswith("#"):
            continue
        if text[:1] in {" ", "\t"} and whole:
            whole[-1] += text[1:]
            is_quoted = is_quoted or _QUOTED_PRINTABLE in text.upper()
        elif whole and is_quoted and whole[-1].endswith("="):
            whole[-1] = whole[-1][:-1] + text
        else:
            whole.append(text)
            is_quoted = _QUOTED_PRINTABLE in text.upper()
    return whole


def _read_line(line: str) -> tuple[str, str] | None:
    """Return the name and value of a line; None if it has none."""
    if found := _COLON.fullmatch(line):
        name, parameters, sign, value = found.groups()
        if sign == "::":
            with suppress(binascii.Error, UnicodeDecodeError):
                return name, b64decode(value, validate=True).decode()
        if _QUOTED_PRINTABLE in parameters.upper():
            value = _decoded(quopri.decodestring(value.encode()), parameters)
        if parameters or "\\" in value:
            value = _ESCAPED.sub(lambda sign: " " if sign[1] in "nN" else sign[1], value)
        return name, value.strip()
    found = _BLANK.fullmatch(line.rstrip())
    return (found[1], found[2]) if found else None


def _decoded(octets: bytes, parameters: str) -> str:
    """Return a value decoded by its character set; unreadable values lead to a question.

    vCards of Japanese telephones declare Shift_JIS, but contain Microsoft's extensions.
    """
    encoding = "utf-8"
    if named := _CHARSET.search(parameters):
        with suppress(ListError):
            encoding = require_encoding(named[1])
    for name in (encoding, "utf-8"):
        with suppress(UnicodeError):
            return octets.decode(name)
    return octets.decode("utf-8", "replace")
