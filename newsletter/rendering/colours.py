"""Colours in OKLCH: mix, lighten and darken them, and keep text readable.

OKLCH (Ottosson 2020; CSS Color 4) keeps the perceived hue when the lightness changes, unlike HSL
and RGB: a darkened yellow stays yellow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated

from pydantic import StringConstraints

from newsletter.rendering.contrast import Colour, contrast_ratio

#: A colour as stored and written: ``#12406b``.
Hex = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]

#: Minimum contrast of WCAG 2.2 for text (1.4.3), and for large text and edges of controls (1.4.11).
TEXT, LARGE_TEXT = 4.5, 3.0
BLACK, WHITE = "#000000", "#ffffff"
_STEPS = 100


@dataclass(frozen=True, slots=True)
class Oklch:
    """A colour by lightness (0 to 1), chroma (0 to about 0.37) and hue (in radians)."""

    lightness: float
    chroma: float
    hue: float


def rgb(colour: str) -> Colour:
    """Return the three channels of a `Hex`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def ratio(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, from 1 to 21."""
    return contrast_ratio(rgb(one), rgb(other))


@lru_cache(maxsize=4096)
def to_oklch(colour: str) -> Oklch:
    """Convert a `Hex` to lightness, chroma and hue."""
    red, green, blue = (_linear(channel / 255) for channel in rgb(colour))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    return Oklch(lightness, math.hypot(a, b), math.atan2(b, a))


@lru_cache(maxsize=4096)
def to_hex(colour: Oklch) -> str:
    """Return the nearest `Hex`; the chroma is reduced if a screen cannot show it."""
    lightness = min(max(colour.lightness, 0.0), 1.0)
    low, high = 0.0, max(colour.chroma, 0.0)
    if _in_gamut(channels := _channels(lightness, high, colour.hue)):
        return _written(channels)
    for _ in range(16):
        middle = (low + high) / 2
        if _in_gamut(_channels(lightness, middle, colour.hue)):
            low = middle
        else:
            high = middle
    return _written(_channels(lightness, low, colour.hue))


def shade(colour: str, lightness: float, *, chroma: float = 1.0) -> str:
    """Return a colour of the same hue with this lightness, and at most this chroma."""
    known = to_oklch(colour)
    return to_hex(replace(known, lightness=lightness, chroma=min(known.chroma, chroma)))


def mix(one: str, other: str, share: float) -> str:
    """Return a colour between two, by OKLab; ``share`` is the share of the second."""
    first, second = to_oklch(one), to_oklch(other)

    def between(at_first: float, at_second: float) -> float:
        return at_first + (at_second - at_first) * share

    a = between(*(each.chroma * math.cos(each.hue) for each in (first, second)))
    b = between(*(each.chroma * math.sin(each.hue) for each in (first, second)))
    lightness = between(first.lightness, second.lightness)
    return to_hex(Oklch(lightness, math.hypot(a, b), math.atan2(b, a)))


def least_ratio(colour: str, backgrounds: Iterable[str]) -> float:
    """Return the lowest contrast of a colour on any of the backgrounds."""
    return min(ratio(colour, background) for background in backgrounds)


def ink_on(*backgrounds: str) -> str:
    """Return white or black, whichever has more contrast; on one background, at least 4.5."""
    return max((WHITE, BLACK), key=lambda ink: least_ratio(ink, backgrounds))


def readable(colour: str, *backgrounds: str, needed: float = TEXT) -> str:
    """Return the nearest colour that is readable on all backgrounds: lighter or darker, same hue.

    Return `ink_on` if no lightness is readable on all of them.
    """
    if least_ratio(colour, backgrounds) >= needed:
        return colour
    known = to_oklch(colour)
    for step in range(1, _STEPS + 1):
        for sign in (-1, 1):
            lightness = known.lightness + sign * step / _STEPS
            if 0 <= lightness <= 1:
                found = to_hex(replace(known, lightness=lightness))
                if least_ratio(found, backgrounds) >= needed:
                    return found
    return ink_on(*backgrounds)


def tint(base: str, colour: str, share: float) -> str:
    """Return a background mixed from two; the share is halved until one ink is readable on both."""
    while share > 1 / 256:
        mixed = mix(base, colour, share)
        if least_ratio(ink_on(base, mixed), (base, mixed)) >= TEXT:
            return mixed
        share /= 2
    return base


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB


def _curved(channel: float) -> float:
    return channel * 12.92 if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055  # noqa: PLR2004 - sRGB


def _channels(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )


def _in_gamut(channels: tuple[float, float, float]) -> bool:
    return all(-0.0005 <= channel <= 1.0005 for channel in channels)  # noqa: PLR2004 - rounding


def _written(channels: tuple[float, float, float]) -> str:
    values = (round(255 * _curved(min(max(channel, 0.0), 1.0))) for channel in channels)
    return "#{:02x}{:02x}{:02x}".format(*values)
