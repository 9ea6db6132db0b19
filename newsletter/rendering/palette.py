"""The colours of a mail: six are chosen, and all others are derived, readable in both modes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from newsletter.rendering.colours import (
    LARGE_TEXT,
    TEXT,
    WHITE,
    Hex,
    Oklch,
    ink_on,
    mix,
    ratio,
    readable,
    shade,
    tint,
    to_hex,
    to_oklch,
)

#: Backgrounds below this OKLCH lightness count as dark.
_DARK = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Palette:
    """The chosen colours.

    Attributes:
        accent: Headings, buttons and marks.
        head: Background of the masthead, if it is a band.
        page: Background around the mail.
        card: Background of the text.
        text: Text; derived if empty.
        link: Links; the accent if empty.
    """

    accent: Hex = "#12406b"
    head: Hex = "#12406b"
    page: Hex = "#eef2f6"
    card: Hex = "#ffffff"
    text: Hex | Literal[""] = ""
    link: Hex | Literal[""] = "#0b5cad"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scheme:
    """All colours of a mail in light or dark mode; each text is readable on its backgrounds.

    Attributes:
        page: Background around the mail.
        page_text: Small print and links on the page.
        card: Background of the text.
        text: Text on the card and on ``sunken``.
        quiet: Notes and dates on the card and on ``sunken``.
        link: Links on the card and on ``sunken``.
        heading: The accent as text colour on the card and on ``sunken``.
        sunken: Background of code, and of an item in a box.
        soft: Background of a section's heading and of labels.
        soft_text: Text on ``soft``.
        line: Rules and borders.
        edge: Edges of controls, with a contrast of 3:1 on the card.
        accent: Background of buttons and of filled headings.
        accent_text: Text on the accent.
        head: Background of the masthead.
        head_text: The title in the masthead.
        head_quiet: The date in the masthead.
    """

    page: str
    page_text: str
    card: str
    text: str
    quiet: str
    link: str
    heading: str
    sunken: str
    soft: str
    soft_text: str
    line: str
    edge: str
    accent: str
    accent_text: str
    head: str
    head_text: str
    head_quiet: str


@lru_cache(maxsize=512)
def light_scheme(palette: Palette) -> Scheme:
    """Return the colours of the light mode."""
    accent, card = palette.accent, palette.card
    is_dark = to_oklch(card).lightness < _DARK
    sunken = tint(card, mix(accent, card, 0.5), 0.13)
    text = palette.text or shade(accent, 0.94 if is_dark else 0.28, chroma=0.024)
    return _scheme(
        page=palette.page,
        card=card,
        sunken=sunken,
        soft=tint(card, accent, 0.1),
        text=readable(text, card, sunken),
        link=palette.link or accent,
        heading=accent,
        accent=accent,
        head=palette.head,
    )


@lru_cache(maxsize=512)
def dark_scheme(palette: Palette) -> Scheme:
    """Return the colours of the dark mode; a card that is dark already is not changed."""
    head = shade(palette.head, min(to_oklch(palette.head).lightness, 0.31))
    if to_oklch(palette.card).lightness < _DARK:
        page = palette.page
        if to_oklch(page).lightness >= _DARK:
            page = shade(page, 0.17, chroma=0.02)
        return replace(light_scheme(palette), **_page(page), **_head(head))
    accent = palette.accent
    ground = to_oklch(palette.page)
    # A trace of the page's hue: on a dark background, three times the chroma looks the same.
    chroma = min(3 * ground.chroma, 0.022)
    return _scheme(
        page=to_hex(Oklch(0.197, chroma * 0.8, ground.hue)),
        card=to_hex(Oklch(0.247, chroma, ground.hue)),
        sunken=to_hex(Oklch(0.305, chroma, ground.hue)),
        soft=shade(accent, 0.318, chroma=0.04),
        text=shade(palette.text or accent, 0.93, chroma=0.008),
        link=shade(palette.link or accent, 0.795, chroma=0.095),
        heading=shade(accent, 0.815, chroma=0.09),
        accent=shade(accent, max(to_oklch(accent).lightness, 0.74), chroma=0.13),
        head=head,
    )


def _scheme(
    *,
    page: str,
    card: str,
    sunken: str,
    soft: str,
    text: str,
    link: str,
    heading: str,
    accent: str,
    head: str,
) -> Scheme:
    """Return a scheme with its text colours changed as far as needed to be readable."""
    grounds = (card, sunken)
    ink, ground = to_oklch(text), to_oklch(card)
    quiet = shade(text, ink.lightness + (ground.lightness - ink.lightness) * 0.27, chroma=0.026)
    return Scheme(
        card=card,
        text=readable(text, *grounds),
        quiet=readable(quiet, *grounds),
        link=readable(link, *grounds),
        heading=readable(heading, *grounds),
        sunken=sunken,
        soft=soft,
        soft_text=readable(heading, soft),
        line=mix(card, quiet, 0.3),
        edge=readable(mix(card, quiet, 0.7), *grounds, needed=LARGE_TEXT),
        accent=accent,
        accent_text=_text_on(accent),
        **_page(page),
        **_head(head),
    )


def _page(page: str) -> dict[str, str]:
    lightness = 0.755 if to_oklch(page).lightness < _DARK else 0.48
    return {"page": page, "page_text": readable(shade(page, lightness, chroma=0.026), page)}


def _head(head: str) -> dict[str, str]:
    text = _text_on(head)
    quiet = readable(mix(text, head, 0.17), head)
    return {"head": head, "head_text": text, "head_quiet": quiet}


def _text_on(colour: str) -> str:
    """Return white if it is readable: black on strong colours has more contrast but looks worse."""
    return WHITE if ratio(WHITE, colour) >= TEXT else ink_on(colour)
