"""MJML's elements and attributes, read from ``components.toml``."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from newsletter.i18n.messages import Message, msg

_FILE = Path(__file__).with_name("components.toml")
#: Attributes that each element of the body may have in addition to its own.
_COMMON = frozenset({"css-class", "mj-class"})
#: Elements that set defaults for others, and so may have any of their attributes.
_FOR_OTHERS = ("mj-all", "mj-class")


class Holds(StrEnum):
    """The content model of an element."""

    ELEMENTS = "elements"
    #: HTML, which MJML passes through unchanged.
    HTML = "html"
    TEXT = "text"
    STYLES = "styles"
    NOTHING = "nothing"


class Component(BaseModel):
    """One element as described in the file.

    Attributes:
        within: The elements that may contain it; empty for the outermost element.
        groups: Names of groups of related attributes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    holds: Holds
    within: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    attributes: frozenset[str] = frozenset()

    @property
    def is_raw(self) -> bool:
        """Whether the content is not MJML."""
        return self.holds in {Holds.HTML, Holds.TEXT, Holds.STYLES}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    groups: dict[str, tuple[str, ...]]
    elements: dict[str, Component]


@cache
def components() -> dict[str, Component]:
    """Return every element by name, with the attributes of its groups included."""
    file = _File.model_validate(tomllib.loads(_FILE.read_text(encoding="utf-8")))
    own = {
        name: element.attributes.union(*(file.groups[group] for group in element.groups))
        for name, element in file.elements.items()
    }
    in_body = [name for name in own if name == "mj-body" or not _is_head(name, file.elements)]
    for name in in_body:
        own[name] |= _COMMON
    every = frozenset().union(*(own[name] for name in in_body))
    for name in _FOR_OTHERS:
        own[name] |= every
    return {
        name: element.model_copy(update={"attributes": own[name]})
        for name, element in file.elements.items()
    }


def _is_head(name: str, elements: dict[str, Component]) -> bool:
    """Return whether an element belongs to the head, which describes the mail as a whole."""
    within = elements[name].within
    if name in {"mjml", "mj-head"} or "mj-head" in within:
        return name != "mj-raw"
    return any(_is_head(parent, elements) for parent in within if parent != "mj-body")


def find_unknown_element(name: str) -> Message | None:
    """Return a message if MJML does not have the element, else None."""
    if name in components():
        return None
    if near := _nearest(name, components()):
        return msg("MJML has no <{name}>. Did you mean <{near}>?", name=name, near=near)
    return msg("MJML has no <{name}>.", name=name)


def find_unknown_attribute(element: str, attribute: str) -> Message | None:
    """Return a message if no element of MJML has the attribute, else None."""
    if attribute in _attributes():
        return None
    if near := _nearest_attribute(element, attribute):
        return msg(
            "<{element}> has no attribute “{name}”. Did you mean “{near}”?",
            element=element,
            name=attribute,
            near=near,
        )
    return msg("<{element}> has no attribute “{name}”.", element=element, name=attribute)


def resembles_attribute(element: str, attribute: str) -> bool:
    """Return whether an unknown attribute is probably a misspelt one of the element."""
    return bool(_nearest_attribute(element, attribute))


def _nearest_attribute(element: str, attribute: str) -> str:
    return _nearest(attribute, components()[element].attributes)


@cache
def _attributes() -> frozenset[str]:
    return frozenset().union(*(component.attributes for component in components().values()))


def _nearest(word: str, known: dict[str, Component] | frozenset[str]) -> str:
    return next(iter(get_close_matches(word, sorted(known), n=1)), "")
