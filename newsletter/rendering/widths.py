"""How wide the content of a column is, so that a picture in running text gets its width.

Outlook on Windows knows no ``max-width``: it shows a picture as wide as its attribute says, and
widens the whole mail for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from newsletter.rendering.mjml_source import Element

#: MJML's own padding of these elements, right and left together, where the template gives none.
_PADDING = {"mj-section": 0.0, "mj-wrapper": 0.0, "mj-column": 0.0}
_CONTENT_PADDING = 50.0
_BODY = 600.0
_PICTURE = re.compile(r"<img\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_WIDTH = re.compile(r"\swidth\s*=\s*[\"']?(\d+)(?:px)?[\"']?(?=[\s/>])", re.IGNORECASE)
_SOURCE = re.compile(r"\ssrc\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
#: A picture of ours says its width in its address.
_OWN_WIDTH = re.compile(r"/images/[0-9a-f]{64}-(\d{1,5})w\.(?:png|jpg)\Z")


@dataclass(frozen=True, slots=True)
class Room:
    """The pixels that an element may fill, and the attributes set for all elements of a kind."""

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
        """Return the room of what an element holds; ``siblings`` share a row with it."""
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
    """Return left and right padding together."""
    values = given.get("padding", "").split()
    right = left = usual / 2
    if values:
        right = _pixels(values[min(1, len(values) - 1)], width)
        left = _pixels(values[3], width) if len(values) == 4 else right  # noqa: PLR2004 - CSS's four
    right = _pixels(given["padding-right"], width) if "padding-right" in given else right
    left = _pixels(given["padding-left"], width) if "padding-left" in given else left
    return left + right


def _pixels(value: str, whole: float) -> float:
    """Read a length in pixels or per cent of ``whole``; 0 where it is neither."""
    match = re.fullmatch(r"([\d.]+)(px|%)?", value.strip())
    if not match or match[1].count(".") > 1 or match[1] == ".":
        return 0.0
    return float(match[1]) * (whole / 100 if match[2] == "%" else 1)


def with_picture_widths(html: str, room: Room) -> str:
    """Return HTML whose pictures say a width that fits, and that is not more than their own."""

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
