"""Compute the width of a column's content, so that pictures in running text get a width.

Outlook on Windows does not support ``max-width``: it shows a picture in the width of its attribute,
and widens the whole mail for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from newsletter.rendering.mjml_source import Element

#: MJML's default padding of these elements, right plus left.
_PADDING = {"mj-section": 0.0, "mj-wrapper": 0.0, "mj-column": 0.0}
_CONTENT_PADDING = 50.0
_BODY = 600.0
_PICTURE = re.compile(r"<img\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_WIDTH = re.compile(r"\swidth\s*=\s*[\"']?(\d+)(?:px)?[\"']?(?=[\s/>])", re.IGNORECASE)
_SOURCE = re.compile(r"\ssrc\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
#: The width in the URL of a picture of this installation.
_OWN_WIDTH = re.compile(r"/images/[0-9a-f]{64}-(\d{1,5})w\.(?:png|jpg)\Z")


@dataclass(frozen=True, slots=True)
class Room:
    """The width available to an element in pixels, and the defaults of each kind of element."""

    width: float
    defaults: Mapping[str, Mapping[str, str]]

    @classmethod
    def of_body(cls, root: Element) -> Room:
        """Return the room of a whole mail."""
        defaults: dict[str, dict[str, str]] = {}
        for head in root.children:
            for settings in head.children if head.name == "mj-head" else ():
                if settings.name == "mj-attributes":
                    for default in settings.children:
                        defaults.setdefault(default.name, {}).update(default.attributes)
        body = next((each for each in root.children if each.name == "mj-body"), None)
        given = defaults.get("mj-body", {}) | (body.attributes if body else {})
        return cls(_pixels(given.get("width", ""), 0) or _BODY, defaults)

    def within(self, element: Element, siblings: int) -> Room:
        """Return the room inside an element; ``siblings`` is the number of columns in its row."""
        given = {
            **self.defaults.get("mj-all", {}),
            **self.defaults.get(element.name, {}),
            **element.attributes,
        }
        width = self.width
        if element.name in {"mj-column", "mj-group"}:
            width = _pixels(given.get("width", ""), width) or width / max(siblings, 1)
        usual = _PADDING.get(element.name, _CONTENT_PADDING)
        if element.name in {"mj-group", "mj-body", "mjml"}:
            usual, given = 0.0, {}
        return Room(max(width - _sides(given, usual, width), 1), self.defaults)


def _sides(given: Mapping[str, str], usual: float, width: float) -> float:
    """Return the sum of left and right padding."""
    values = given.get("padding", "").split()
    right = left = usual / 2
    if values:
        right = _pixels(values[min(1, len(values) - 1)], width)
        left = _pixels(values[3], width) if len(values) == 4 else right  # noqa: PLR2004 - CSS's four
    right = _pixels(given["padding-right"], width) if "padding-right" in given else right
    left = _pixels(given["padding-left"], width) if "padding-left" in given else left
    return left + right


def _pixels(value: str, whole: float) -> float:
    """Return a length in pixels or per cent of ``whole``; 0 if it is neither."""
    match = re.fullmatch(r"([\d.]+)(px|%)?", value.strip())
    if not match or match[1].count(".") > 1 or match[1] == ".":
        return 0.0
    return float(match[1]) * (whole / 100 if match[2] == "%" else 1)


def with_picture_widths(html: str, room: Room) -> str:
    """Return HTML with a width for each picture that fits and does not exceed its own."""

    def fit(picture: re.Match[str]) -> str:
        tag = picture[0]
        source, written = _SOURCE.search(tag), _WIDTH.search(tag)
        own = _OWN_WIDTH.search(source[1] or source[2] or "") if source else None
        known = [int(match[1]) for match in (own, written) if match]
        width = min(int(room.width), *known) if known else int(room.width)
        tag = _WIDTH.sub("", tag)
        end = "/>" if tag.endswith("/>") else ">"
        return f'{tag.removesuffix(end).rstrip()} width="{width}"{" " if end == "/>" else ""}{end}'

    return _PICTURE.sub(fit, html)
