"""A look on pages: CSS custom properties, and the style sheet that carries them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from newsletter.i18n.language import Language
from newsletter.newsletters.look.model import Look, theme_of
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
    """Return a look as custom properties by name; ``light-dark()`` follows ``color-scheme``."""
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
    """A style sheet with what tells it from others."""

    text: str
    version: str


@lru_cache(maxsize=256)
def style_sheet(look: Look, language: Language) -> StyleSheet:
    """Return the style sheet of a look; it sets custom properties and nothing else."""
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
