"""A mail's colours: six are chosen, all others follow, readable in light and in dark."""

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

#: An OKLCH lightness below which a background counts as dark.
_DARK = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Palette:
    """The colours that are chosen.

    Attributes:
        accent: Headings, buttons and marks.
        head: Behind the masthead, where it is a band.
        page: Around the mail.
        card: Behind the text.
        text: Of the text; derived where empty.
        link: Of links; the accent where empty.
    """

    accent: Hex = "#12406b"
    head: Hex = "#12406b"
    page: Hex = "#eef2f6"
    card: Hex = "#ffffff"
    text: Hex | Literal[""] = ""
    link: Hex | Literal[""] = "#0b5cad"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scheme:
    """All colours of a mail in one appearance; each text reads on each background it stands on.

    Attributes:
        page: Around the mail.
        page_text: Small print on the page, and its links.
        card: Behind the text.
        text: On the card and on ``sunken``.
        quiet: Notes and dates there.
        link: Links there.
        heading: The accent as text there.
        sunken: Behind code, and behind an item that has a box of its own.
        soft: Behind a section's heading and labels.
        soft_text: On ``soft``.
        line: Rules and borders.
        edge: The edges of controls, 3:1 on the card.
        accent: Behind buttons and filled headings.
        accent_text: On the accent.
        head: Behind the masthead.
        head_text: The title there.
        head_quiet: The date there.
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
    """Return the colours of the light appearance."""
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
    """Return the colours of the dark appearance; a card that is dark already stays as it is."""
    head = shade(palette.head, min(to_oklch(palette.head).lightness, 0.31))
    if to_oklch(palette.card).lightness < _DARK:
        page = palette.page
        if to_oklch(page).lightness >= _DARK:
            page = shade(page, 0.17, chroma=0.02)
        return replace(light_scheme(palette), **_page(page), **_head(head))
    accent = palette.accent
    ground = to_oklch(palette.page)
    # A breath of the page's hue: on dark grounds, three times its chroma looks the same.
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
    """Return a scheme whose texts are moved, where they must be, until they are read."""
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
    """Return white wherever it is read: on strong colours black reads better and looks worse."""
    return WHITE if ratio(WHITE, colour) >= TEXT else ink_on(colour)
