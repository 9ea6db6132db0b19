"""Condense the tree of a mail to one element for each kind that style sheets can distinguish.

An issue of two hundred items has ten thousand elements, but hardly more than a hundred kinds:
elements with the same name, classes and ancestors match the same selectors. Expensive work is
therefore done once for each kind, and its result is applied to all elements of the kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lxml import etree

#: Selectors with these characters depend on siblings, positions, states or further attributes,
#: which a condensed tree does not keep.
_TELLS_MORE = re.compile(r"[+~:\[]")
#: The attributes that all other selectors depend on.
NAMED_BY_SELECTORS = frozenset({"class", "id", "style"})


@dataclass(frozen=True, slots=True)
class Condensed:
    """A condensed tree, with the elements that each of its elements represents.

    Attributes:
        stands_for: The elements of the complete tree by the element of the condensed tree.
    """

    root: Any
    stands_for: dict[Any, list[Any]]


def can_condense(selectors: Iterable[str]) -> bool:
    """Return whether each selector matches all elements of a kind, or none of them."""
    return not any(_TELLS_MORE.search(selector) for selector in selectors)


def condense(root: Any, attributes: frozenset[str]) -> Condensed:  # noqa: ANN401 - lxml has no types
    """Return a tree with one element of each kind: name, these attributes, and its parent's kind.

    Each element keeps the first text and the first tail text found in its kind. Comments and all
    other attributes are left out.
    """
    small = etree.Element(root.tag, _kept(root, attributes))
    stands_for: dict[Any, list[Any]] = {small: [root]}
    _condense_into(small, [root], attributes, stands_for)
    return Condensed(root=small, stands_for=stands_for)


def _condense_into(
    small: Any,  # noqa: ANN401 - lxml has no types
    alike: list[Any],
    attributes: frozenset[str],
    stands_for: dict[Any, list[Any]],
) -> None:
    kinds: dict[tuple[object, ...], list[Any]] = {}
    for element in alike:
        small.text = _first(small.text, element.text)
        for child in element:
            if not isinstance(child.tag, str):
                small.text = _first(small.text, child.tail)
                continue
            key = (child.tag, *(child.get(name) for name in attributes))
            kinds.setdefault(key, []).append(child)
    for children in kinds.values():
        merged = etree.SubElement(small, children[0].tag, _kept(children[0], attributes))
        stands_for[merged] = children
        for child in children:
            merged.tail = _first(merged.tail, child.tail)
        _condense_into(merged, children, attributes, stands_for)


def _kept(element: Any, attributes: frozenset[str]) -> dict[str, str]:  # noqa: ANN401
    return {name: value for name in attributes if (value := element.get(name)) is not None}


def _first(known: str | None, words: str | None) -> str | None:
    return known if known and known.strip() else words
