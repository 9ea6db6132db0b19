"""Detection of people in XML of any vocabulary: the repeated elements that contain an address.

The meaning of names in such a file is not declared, so its structure is used: people are elements
that are repeated within one element, and their data is within them. The file is parsed twice, since
the columns are known only at its end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

#: The names of elements from the root down, without namespaces.
Path = tuple[str, ...]
ADDRESS = re.compile(r"[^\s@<>＠]{1,64}[@＠][^\s@<>＠]{1,255}")
#: Attributes with the name of a field: ``<field name="email">``.
_NAMING = ("name", "key", "field", "column", "label")
#: Attributes that a field may have; an element with others is not a field.
OF_FIELDS = frozenset({*_NAMING, "type", "value", "id", "nil", "null"})
#: The largest number of kinds of elements.
MOST_KINDS = 2000


def named_by(attributes: Mapping[str, str]) -> str:
    """Return the name in an element's attribute; empty if there is none."""
    return next((attributes[name] for name in _NAMING if attributes.get(name)), "")


@dataclass(slots=True)
class Kind:
    """Statistics of the elements with one path."""

    count: int = 0
    #: The largest number of them within one element.
    together: int = 0
    parents: int = 0
    has_children: bool = False
    has_text: bool = False
    attributes: set[str] = field(default_factory=set)
    has_address: bool = False


@dataclass(slots=True)
class _Open:
    path: Path
    children: Counter[str] = field(default_factory=Counter)
    text: list[str] = field(default_factory=list)
    size: int = 0


class Shape:
    """The structure of a file, collected during parsing."""

    def __init__(self, refuse: Callable[[], None]) -> None:
        self.kinds: dict[Path, Kind] = {}
        #: The direct children of each kind; otherwise all deep ones would be searched for each.
        self._below: dict[Path, list[Path]] = {}
        self._open: list[_Open] = []
        self._refuse = refuse

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Process a start tag."""
        outer = self._open[-1] if self._open else None
        path = (*outer.path, tag) if outer else (tag,)
        kind = self.kinds.get(path)
        if kind is None:
            kind = self.kinds[path] = Kind()
            self._below.setdefault(path[:-1], []).append(path)
            if len(self.kinds) > MOST_KINDS:
                self._refuse()
        kind.count += 1
        kind.attributes.update(attributes)
        if outer:
            outer.children[tag] += 1
            kind.together = max(kind.together, outer.children[tag])
            kind.parents += outer.children[tag] == 1
            self.kinds[outer.path].has_children = True
        kind.has_address = kind.has_address or any(map(_is_address, attributes.values()))
        self._open.append(_Open(path))

    def text(self, text: str) -> None:
        """Process text."""
        if self._open and self._open[-1].size < 1000:  # noqa: PLR2004 - enough for an address
            self._open[-1].text.append(text)
            self._open[-1].size += len(text)

    def end(self) -> None:
        """Process an end tag."""
        ended = self._open.pop()
        text = "".join(ended.text).strip()
        kind = self.kinds[ended.path]
        kind.has_text = kind.has_text or bool(text)
        kind.has_address = kind.has_address or _is_address(text)

    def people(self) -> set[Path]:
        """Return the paths of elements that are people."""
        found = {self._person(path) for path, kind in self.kinds.items() if kind.has_address}
        around = {one[:end] for one in found for end in range(1, len(one))}
        return found - around

    def _person(self, path: Path) -> Path:
        """Return the element that is the person of an address: a repeated one, or one above."""
        while len(path) > 1 and self._is_field(path):
            path = path[:-1]
        again = [
            path[:end] for end in range(len(path), 1, -1) if self.kinds[path[:end]].together > 1
        ]
        if not again:
            is_leaf = not self.kinds[path].has_children and not self.kinds[path].attributes
            return path[:-1] if is_leaf and len(path) > 1 else path
        first, *others = again
        if not others or self.kinds[first].has_children:
            return first
        # Only the addresses are repeated: several of one person, or of a group of people.
        is_person = self.kinds[first].count < 2 * self.kinds[others[0]].count
        return others[0] if is_person and self._has_more(others[0]) else first

    def _is_field(self, path: Path) -> bool:
        """Return whether an element is a name with a value, or the value next to a name."""
        kind, outer = self.kinds[path], path[:-1]
        if not kind.has_children:
            names = self._names_below(outer)
            is_value = path[-1].lower() == "value" and len(names) == 2  # noqa: PLR2004 - name and value
            return is_value or (
                bool(kind.attributes & set(_NAMING)) and kind.attributes <= OF_FIELDS
            )
        names = self._names_below(path)
        return "value" in names and len(names) == 2  # noqa: PLR2004 - as above

    def _has_more(self, path: Path) -> bool:
        """Return whether an element has text of its own besides deeper elements."""
        kind = self.kinds[path]
        return bool(kind.attributes) or any(
            self.kinds[each].has_text for each in self._below.get(path, ())
        )

    def _names_below(self, path: Path) -> set[str]:
        return {each[-1].lower() for each in self._below.get(path, ())}


def _is_address(text: str) -> bool:
    return ADDRESS.fullmatch(text.strip()) is not None
