"""Names in XML from anybody: expat and Python keep each until its end, so they are counted.

Of elements alone there are fewer than a list has people; of names that nobody uses twice, a small
file unpacks to gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from xml.parsers import expat

#: Names of elements, attributes and namespaces, and letters of all of them: formats have some
#: hundreds, and a list of people with a thousand columns not many more.
_MOST_NAMES, _MOST_LETTERS = 20_000, 2_000_000


class Names:
    """The names that a parser has met."""

    def __init__(self, parser: expat.XMLParserType, refuse: Callable[[], None]) -> None:
        """Watch a parser's namespaces, too.

        Args:
            parser: Hands out elements with their names by `met`.
            refuse: Raises what is said of a file with more names than any has.
        """
        self._known: set[str] = set()
        self._letters = 0
        self._refuse = refuse
        parser.StartNamespaceDeclHandler = self._declared

    def met(self, tag: str, attributes: Collection[str]) -> None:
        """Take the names of an element, as the parser has them."""
        if tag not in self._known or not self._known.issuperset(attributes):
            self._add({tag, *attributes})

    def _declared(self, prefix: str | None, address: str | None) -> None:
        self._add({f"{prefix}={address}"})

    def _add(self, names: set[str]) -> None:
        new = names - self._known
        self._known |= new
        self._letters += sum(map(len, new))
        if len(self._known) > _MOST_NAMES or self._letters > _MOST_LETTERS:
            self._refuse()
