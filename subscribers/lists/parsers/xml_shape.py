"""Where people are in XML of any vocabulary: the elements that come again and hold an address.

Nobody declares what the names in such a file mean, so its shape tells: a person is what stands
several times below one element, and what a person has stands within. It is gone through twice, as
only its end tells which columns there are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

#: From the root down, by names without their namespaces.
Path = tuple[str, ...]
ADDRESS = re.compile(r"[^\s@<>＠]{1,64}[@＠][^\s@<>＠]{1,255}")
#: Attributes that name what the element holds: ``<field name="email">``.
_NAMING = ("name", "key", "field", "column", "label")
#: What else an element has that is a field: another attribute makes it more.
OF_FIELDS = frozenset({*_NAMING, "type", "value", "id", "nil", "null"})
#: More kinds of elements than any list has.
MOST_KINDS = 2000


def named_by(attributes: Mapping[str, str]) -> str:
    """Return the name that an element's attribute gives it; else nothing."""
    return next((attributes[name] for name in _NAMING if attributes.get(name)), "")


@dataclass(slots=True)
class Kind:
    """What the elements of one path were."""

    count: int = 0
    #: The most of them below one element.
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
    """What elements a file has, as they are met."""

    def __init__(self, refuse: Callable[[], None]) -> None:
        self.kinds: dict[Path, Kind] = {}
        #: The kinds right below each: of deep ones all would be gone through for each above.
        self._below: dict[Path, list[Path]] = {}
        self._open: list[_Open] = []
        self._refuse = refuse

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take the beginning of an element."""
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
        """Take characters."""
        if self._open and self._open[-1].size < 1000:  # noqa: PLR2004 - of an address
            self._open[-1].text.append(text)
            self._open[-1].size += len(text)

    def end(self) -> None:
        """Take the end of an element."""
        ended = self._open.pop()
        text = "".join(ended.text).strip()
        kind = self.kinds[ended.path]
        kind.has_text = kind.has_text or bool(text)
        kind.has_address = kind.has_address or _is_address(text)

    def people(self) -> set[Path]:
        """Return which elements are people."""
        found = {self._person(path) for path, kind in self.kinds.items() if kind.has_address}
        around = {one[:end] for one in found for end in range(1, len(one))}
        return found - around

    def _person(self, path: Path) -> Path:
        """Return the element that has the address of an element: it comes again, or is above."""
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
        # Addresses alone come again: several of one person, or of a group of people.
        is_person = self.kinds[first].count < 2 * self.kinds[others[0]].count
        return others[0] if is_person and self._has_more(others[0]) else first

    def _is_field(self, path: Path) -> bool:
        """Tell whether an element is a name and a value, or the value beside a name."""
        kind, outer = self.kinds[path], path[:-1]
        if not kind.has_children:
            names = self._names_below(outer)
            is_value = path[-1].lower() == "value" and len(names) == 2  # noqa: PLR2004 - a name beside it
            return is_value or (
                bool(kind.attributes & set(_NAMING)) and kind.attributes <= OF_FIELDS
            )
        names = self._names_below(path)
        return "value" in names and len(names) == 2  # noqa: PLR2004 - as above

    def _has_more(self, path: Path) -> bool:
        """Tell whether an element has words of its own beside what lies deeper in it."""
        kind = self.kinds[path]
        return bool(kind.attributes) or any(
            self.kinds[each].has_text for each in self._below.get(path, ())
        )

    def _names_below(self, path: Path) -> set[str]:
        return {each[-1].lower() for each in self._below.get(path, ())}


def _is_address(text: str) -> bool:
    return ADDRESS.fullmatch(text.strip()) is not None
