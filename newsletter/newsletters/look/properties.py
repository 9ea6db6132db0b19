"""A look on pages: CSS custom properties, their style sheet, and the social networks' picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from io import BytesIO

from PIL import Image, ImageDraw, ImageOps

from newsletter.i18n.language import Language
from newsletter.newsletters.look.model import Look, theme_of
from newsletter.rendering.colours import rgb
from newsletter.rendering.palette import Scheme, dark_scheme, light_scheme
from newsletter.rendering.theme import font_stack

#: The colours of a scheme that pages use; ``--mail-page-text`` and so on.
_COLOURS = (
    "page",
    "page_text",
    "card",
    "text",
    "quiet",
    "link",
    "heading",
    "sunken",
    "soft",
    "soft_text",
    "line",
    "edge",
    "accent",
    "accent_text",
    "head",
    "head_text",
    "head_quiet",
)


def look_properties(look: Look, language: Language = Language.JAPANESE) -> dict[str, str]:
    """Return a look as CSS custom properties, with ``light-dark()`` for ``color-scheme``."""
    light, dark = light_scheme(look.palette), dark_scheme(look.palette)
    return {
        name: f"light-dark({day}, {night})" if day != night else day
        for name, day, night in _pairs(light, dark)
    } | _measures(look, language)


def _pairs(light: Scheme, dark: Scheme) -> list[tuple[str, str, str]]:
    return [
        (f"--mail-{name.replace('_', '-')}", getattr(light, name), getattr(dark, name))
        for name in _COLOURS
    ]


def _measures(look: Look, language: Language) -> dict[str, str]:
    return {
        "--mail-font": font_stack(look.font, language),
        "--mail-heading-font": font_stack(look.heading_font, language),
        "--mail-size": f"{look.size}px",
        "--mail-radius": f"{look.radius}px",
        "--mail-width": f"{look.width}px",
        "--mail-logo-ground": _logo_ground(look),
    }


def _logo_ground(look: Look) -> str:
    theme = theme_of(look)
    light, dark = (theme.logo_ground(dark=each) or "transparent" for each in (False, True))
    return f"light-dark({light}, {dark})" if light != dark else light


@dataclass(frozen=True, kw_only=True, slots=True)
class StyleSheet:
    """A style sheet with its digest."""

    text: str
    version: str


@lru_cache(maxsize=256)
def style_sheet(look: Look, language: Language) -> StyleSheet:
    """Return the style sheet of a look, which sets custom properties only."""
    declarations = "".join(
        f"  {name}: {value};\n" for name, value in look_properties(look, language).items()
    )
    light, dark = light_scheme(look.palette), dark_scheme(look.palette)
    plain = "".join(f"    {name}: {day};\n" for name, day, _ in _pairs(light, dark))
    text = (
        f":root {{\n{declarations}}}\n"
        f"@supports not (color: light-dark(#000, #fff)) {{\n  :root {{\n{plain}  }}\n}}\n"
    )
    return StyleSheet(text=text, version=sha256(text.encode()).hexdigest()[:16])


#: The size in pixels recommended by Open Graph for large pictures.
SIZE = (1200, 630)
_STRIPE, _PLATE, _MARGIN = 24, 48, 90


@lru_cache(maxsize=32)
def social_picture(look: Look, header: bytes | None, logo: bytes | None) -> bytes:
    """Draw the picture for social networks as PNG, with the look's stored header and logo."""
    scheme = light_scheme(look.palette)
    canvas = Image.new("RGB", SIZE, rgb(scheme.head))
    draw = ImageDraw.Draw(canvas)
    if header is not None:
        with Image.open(BytesIO(header)) as picture:
            canvas.paste(ImageOps.fit(picture.convert("RGB"), SIZE))
    elif logo is not None:
        _place_logo(canvas, draw, logo, rgb(scheme.card), look.radius)
    else:
        _draw_letter(draw, scheme.head_text, scheme.head)
    draw.rectangle((0, SIZE[1] - _STRIPE, *SIZE), fill=rgb(scheme.accent))
    output = BytesIO()
    canvas.save(output, "PNG", optimize=True)
    return output.getvalue()


def _place_logo(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    logo: bytes,
    ground: tuple[int, int, int],
    radius: int,
) -> None:
    """Draw the logo in the middle, on a plate in the card's colour, for which it was designed."""
    with Image.open(BytesIO(logo)) as opened:
        room = (SIZE[0] - 2 * (_MARGIN + _PLATE), SIZE[1] - 2 * (_MARGIN + _PLATE))
        picture = ImageOps.contain(opened.convert("RGBA"), room)
    left, top = (SIZE[0] - picture.width) // 2, (SIZE[1] - picture.height) // 2
    right, bottom = left + picture.width, top + picture.height
    plate = (left - _PLATE, top - _PLATE, right + _PLATE, bottom + _PLATE)
    draw.rounded_rectangle(plate, radius=2 * radius, fill=ground)
    canvas.paste(picture, (left, top), picture)


def _draw_letter(draw: ImageDraw.ImageDraw, ink: str, ground: str) -> None:
    """Draw a closed envelope, the product's symbol."""
    left, top, right, bottom = 430, 200, 770, 430
    draw.rounded_rectangle((left, top, right, bottom), radius=28, fill=rgb(ink))
    middle = (left + right) // 2
    draw.line(
        ((left + 20, top + 24), (middle, top + 140), (right - 20, top + 24)),
        fill=rgb(ground),
        width=18,
        joint="curve",
    )
