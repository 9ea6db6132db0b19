"""Lists of stanzas: a person's lines are each a name and a value, and a blank line parts people.

Sympa writes its dumps so ("email a@b.example"), directories LDIF (RFC 2849, "mail: a@b.example"),
and address books vCards (RFC 6350, "EMAIL;TYPE=HOME:a@b.example"), which have a line of their own
at either end. Read line by line, what one stanza says would be said of the address below it.
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
from subscribers.lists.parsers.encodings import demand_encoding
from subscribers.lists.parsers.headings import HEAD_LINES, distinct_names
from subscribers.lists.records import Record
from subscribers.lists.words.formats import guess_field

#: Lines, and characters, of a stanza beyond which its rest is another one's.
_MOST_LINES, _MOST_LETTERS = 1000, 256 * 1024
#: So many names of columns are taken of a list that names them anew for each person.
_MOST_NAMES = 500
#: How the encoding is called whose lines go on where they end with "=".
_QUOTED_PRINTABLE = "QUOTED-PRINTABLE"
#: The character set of a value.
_CHARSET = re.compile(r"CHARSET=\"?(?:x-)?([\w-]{1,40})", re.IGNORECASE)
#: What a line is called that has no name.
_NAMELESS = "#"
_BEGIN, _END = "begin:vcard", "end:vcard"
#: A name, with a group before it (``item1.EMAIL``) and parameters behind it, and the value.
#: Possessive throughout: a line of a megabyte is gone through once.
_COLON = re.compile(
    r"(?:[\w-]++\.)?([A-Za-z][\w-]*+)((?:;[^:\"]*+(?:\"[^\"]*+\"[^:\"]*+)*+)?+)(::?)[ \t]*+(.*)"
)
_BLANK = re.compile(r"([A-Za-z][\w-]*)[ \t]+(\S.*)")
_ESCAPED = re.compile(r"\\(.)")


class Stanza(NamedTuple):
    """What is said of one person: names and values, in the order of the list.

    Attributes:
        line: The number of its first line.
    """

    line: int
    said: tuple[tuple[str, str], ...]

    @property
    def values(self) -> dict[str, str]:
        """The values by their names, of which each second one has a number."""
        names = _numbered(tuple(name for name, _ in self.said))
        return dict(zip(names, (value for _, value in self.said), strict=True))


@lru_cache(maxsize=256)
def _numbered(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names as `distinct_names` does; most stanzas of a list have the same."""
    return tuple(distinct_names(names))


def stanza_records(open_lines: Callable[[], Iterator[str]]) -> Iterator[Record] | None:
    """Read a list of stanzas as a table of all that they name; None where it is none of them.

    Args:
        open_lines: Opens the list's lines at its beginning; the list is gone through twice, as only
            its end tells which names there are.
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
    """Tell whether a list is one of stanzas, by its first lines.

    Each whole stanza but a preamble has several lines, all of a name and a value, and one address
    under a name that addresses are known by.
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
    # The last one may be cut off.
    whole = groups[:-1] if len(groups) > 1 else groups
    held = [group for group in whole if any("@" in line for line in group)]
    return bool(held) and all(len(group) > 1 and _is_stanza(group) for group in held)


def _is_stanza(lines: Sequence[str]) -> bool:
    said = [_read_line(line) for line in _unfolded(lines)]
    addresses = [one for one in said if one and "@" in one[1] and guess_field(one[0]) == "address"]
    return bool(addresses) and None not in said


def _read_stanzas(lines: Iterable[str]) -> Iterator[Stanza]:
    """Yield the stanzas of a list: of one line, such as a version, only where it has an address."""
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
    said = tuple(_read_line(each) or (_NAMELESS, each.strip()) for each in _unfolded(held))
    if len(said) > 1 or any("@" in value for _, value in said):
        yield Stanza(line, said)


def _unfolded(lines: Iterable[str]) -> list[str]:
    """Return lines without those that go on with the one before, and comments."""
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
    """Return the name and the value of a line, if it has them."""
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
    """Return a value's letters by the character set that it names; what nobody can read is asked.

    vCards of Japanese telephones name Shift_JIS, and have the signs that Microsoft added to it.
    """
    encoding = "utf-8"
    if named := _CHARSET.search(parameters):
        with suppress(ListError):
            encoding = demand_encoding(named[1])
    for name in (encoding, "utf-8"):
        with suppress(UnicodeError):
            return octets.decode(name)
    return octets.decode("utf-8", "replace")
