"""The contrast of a look's colours, in light and dark (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.i18n.messages import Message, msg
from newsletter.rendering.colours import LARGE_TEXT, TEXT, ratio, readable
from newsletter.rendering.palette import Palette, dark_scheme, light_scheme

#: Names of text and background colours in a scheme, with the required contrast.
_PAIRS = (
    ("text", "card", TEXT),
    ("text", "sunken", TEXT),
    ("quiet", "card", TEXT),
    ("quiet", "sunken", TEXT),
    ("link", "card", TEXT),
    ("link", "sunken", TEXT),
    ("heading", "card", TEXT),
    ("heading", "sunken", TEXT),
    ("soft_text", "soft", TEXT),
    ("page_text", "page", TEXT),
    ("accent_text", "accent", TEXT),
    ("head_text", "head", TEXT),
    ("head_quiet", "head", TEXT),
    ("edge", "card", LARGE_TEXT),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A text's colour and its background colour."""

    dark: bool
    text: str
    background: str
    text_colour: str
    background_colour: str
    needed: float

    @property
    def ratio(self) -> float:
        """The contrast, from 1 to 21."""
        return ratio(self.text_colour, self.background_colour)


def shown_pairs(palette: Palette) -> Iterator[Pair]:
    """Yield all pairs of colours that a mail or a page with this palette shows."""
    for dark, scheme in ((False, light_scheme(palette)), (True, dark_scheme(palette))):
        for text, background, needed in _PAIRS:
            yield Pair(
                dark=dark,
                text=text,
                background=background,
                text_colour=getattr(scheme, text),
                background_colour=getattr(scheme, background),
                needed=needed,
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A chosen colour with too little contrast, and the nearest readable one.

    Attributes:
        field: The colour's name in the palette.
        refused: Whether it must be changed. An accent need not be: as text, `nearest` is used.
    """

    field: str
    refused: bool
    ratio: float
    nearest: str
    message: Message


def find_unreadable(palette: Palette) -> tuple[Unreadable, ...]:
    """Return the chosen colours that are unreadable on the chosen card's colour.

    Derived colours, and texts on chosen backgrounds, are always readable.
    """
    return tuple(_faults(palette))


def _faults(palette: Palette) -> Iterator[Unreadable]:
    grounds = (palette.card, light_scheme(palette).sunken)
    for field, chosen, refused in (
        ("text", palette.text, True),
        ("link", palette.link, True),
        ("accent", palette.accent, False),
    ):
        if not chosen:
            continue
        nearest = readable(chosen, *grounds)
        if nearest == chosen:
            continue
        contrast = min(ratio(chosen, ground) for ground in grounds)
        figures = {"ratio": format(contrast, ".1f"), "needed": TEXT, "nearest": nearest}
        if refused:
            message = msg(
                "Hard to read on this background: contrast {ratio}:1, and {needed}:1 is needed. "
                "The nearest colour that passes is {nearest}.",
                **figures,
            )
        else:
            message = msg(
                "As text it would be hard to read (contrast {ratio}:1, {needed}:1 is needed): "
                "headings are shown in {nearest}. Buttons and bands keep your colour.",
                **figures,
            )
        yield Unreadable(
            field=field, refused=refused, ratio=contrast, nearest=nearest, message=message
        )
