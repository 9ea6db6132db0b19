"""Contrast of text and background as rendered, in light and dark mode (WCAG 2.2, 1.4.3).

The tree of a mail is condensed to one element for each kind that style sheets can distinguish. An
issue of two hundred items has ten thousand elements, but hardly more than a hundred kinds:
elements with the same name, classes and ancestors match the same selectors. Expensive work is
therefore done once for each kind, and its result is applied to all elements of the kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from cssselect import SelectorError
from lxml import etree
from lxml.cssselect import CSSSelector

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


_NAMED = {"white": "#ffffff", "black": "#000000", "red": "#ff0000", "gray": "#808080"}
#: A comment of a style sheet; one that is not closed extends to the end.
COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
#: A media query and all its rules. The possessive quantifiers prevent backtracking, so the time is
#: linear in the length of a sheet, even without any closing bracket.
_MEDIA = re.compile(r"@media([^@{}]*+)\{((?:[^{}]*+\{[^{}]*+\})*+)[^{}]*+\}")
_IS_DARK = re.compile(r"prefers-color-scheme:\s*dark")
_RULE = re.compile(r"(?<![^{}])([^{}]++)\{([^{}]*+)\}")
#: WCAG's minimum for text, and for large text: 24 px, or 18.66 px if bold.
_ENOUGH, _ENOUGH_LARGE = 4.5, 3.0
_LARGE, _LARGE_BOLD = 24.0, 18.66

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class LowContrast:
    """A pair of colours with too little contrast, and the first text in these colours."""

    dark: bool
    text: str
    colour: str
    background: str
    ratio: float


@dataclass(frozen=True, slots=True)
class _Style:
    colour: Colour = (0, 0, 0)
    background: Colour = (255, 255, 255)
    size: float = 16.0
    bold: bool = False


def contrast_ratio(one: Colour, other: Colour) -> float:
    """Return WCAG's contrast ratio of two relative luminances, from 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Colour) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB

    red, green, blue = map(linear, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def find_low_contrast(tree: Any) -> Iterator[LowContrast]:  # noqa: ANN401 - lxml has no types
    """Yield each failing pair of colours once in each mode; ``tree`` is the lxml tree of a mail."""
    sheets = "\n".join(style.text or "" for style in tree.iter("style"))
    media = _MEDIA.findall(COMMENT.sub("", sheets))
    dark_rules = "\n".join(rules for query, rules in media if _IS_DARK.search(query))
    tree = _condensed(tree, dark_rules)
    for dark, overrides in ((False, {}), (True, _overrides(tree, dark_rules))):
        if dark and not overrides:
            return
        seen: set[tuple[Colour, Colour]] = set()
        for text, style in _texts(tree.find("body"), _Style(), overrides):
            ratio = contrast_ratio(style.colour, style.background)
            large = style.size >= _LARGE or (style.bold and style.size >= _LARGE_BOLD)
            pair = (style.colour, style.background)
            if ratio < (_ENOUGH_LARGE if large else _ENOUGH) and pair not in seen:
                seen.add(pair)
                yield LowContrast(
                    dark=dark,
                    text=text[:30],
                    colour=_hex(style.colour),
                    background=_hex(style.background),
                    ratio=ratio,
                )


def _condensed(tree: Any, rules: str) -> Any:  # noqa: ANN401 - lxml has no types
    """Return a document with one element for all that these rules cannot distinguish."""
    body = tree.find("body")
    if body is None or not can_condense(selectors for selectors, _ in _RULE.findall(rules)):
        return tree
    document = etree.Element(tree.tag, {"class": tree.get("class", "")})
    document.append(condense(body, NAMED_BY_SELECTORS | {"bgcolor"}).root)
    return document


def _overrides(tree: Any, rules: str) -> dict[Any, dict[str, str]]:  # noqa: ANN401 - lxml has no types
    overrides: dict[Any, dict[str, str]] = {}
    for selectors, block in _RULE.findall(rules):
        values = {
            name: value for name, value in declarations(block) if value.endswith("!important")
        }
        try:
            elements = CSSSelector(selectors.strip())(tree)
        except SelectorError:
            continue
        for element in elements:
            overrides.setdefault(element, {}).update(values)
    return overrides


def declarations(block: str) -> Iterator[tuple[str, str]]:
    """Yield the properties of a CSS block in lower case, with their values."""
    for declaration in block.split(";"):
        name, colon, value = declaration.partition(":")
        if colon and value.strip():
            yield name.strip().lower(), value.strip().lower()


def _texts(
    element: Any,  # noqa: ANN401 - lxml has no types
    inherited: _Style,
    overrides: dict[Any, dict[str, str]],
) -> Iterator[tuple[str, _Style]]:
    if element is None or not isinstance(element.tag, str) or element.tag in {"style", "script"}:
        return
    values = dict(declarations(element.get("style", "")))
    if values.get("display") == "none" or values.get("mso-hide") == "all":
        return
    if "bgcolor" in element.attrib:
        values.setdefault("background-color", element.get("bgcolor"))
    values |= overrides.get(element, {})
    style = _apply(inherited, values, bold=element.tag in {"b", "strong", "h1", "h2", "h3", "h4"})
    if element.text and element.text.strip():
        yield element.text.strip(), style
    for child in element:
        yield from _texts(child, style, overrides)
        if child.tail and child.tail.strip():
            yield child.tail.strip(), style


def _apply(style: _Style, values: dict[str, str], *, bold: bool) -> _Style:
    background = values.get("background-color") or values.get("background", "")
    size = re.match(r"([\d.]+)px", values.get("font-size", ""))
    weight = values.get("font-weight", "")
    return replace(
        style,
        colour=_colour(values.get("color", "")) or style.colour,
        background=_colour(background) or style.background,
        size=float(size[1]) if size else style.size,
        bold=weight.startswith(("bold", "6", "7", "8", "9")) or bold or style.bold,
    )


def _colour(value: str) -> Colour | None:
    value = value.removesuffix("!important").strip()
    word = value.split(" ")[0] if value.startswith("#") else value
    word = _NAMED.get(word, word)
    if match := re.match(r"#([0-9a-f]{6}|[0-9a-f]{3})\b", word, re.IGNORECASE):
        digits = match[1] if len(match[1]) == 6 else "".join(d * 2 for d in match[1])  # noqa: PLR2004
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if match := re.match(r"rgb\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)", word):
        return int(match[1]), int(match[2]), int(match[3])
    return None


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
