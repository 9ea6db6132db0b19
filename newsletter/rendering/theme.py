"""How a mail looks, as templates see it: colours of both appearances, fonts, shapes, pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from newsletter.i18n.language import Language, language_of_words
from newsletter.issues.markdown.inline import link_bare_addresses
from newsletter.issues.model import Inline
from newsletter.rendering.colours import BLACK, LARGE_TEXT, WHITE, ratio
from newsletter.rendering.palette import Palette, Scheme, dark_scheme, light_scheme


class Masthead(StrEnum):
    """The form of a mail's head."""

    BAND = "band"
    RULE = "rule"
    CENTRED = "centred"
    PICTURE = "picture"
    DATE = "date"
    PLAIN = "plain"


class ItemStyle(StrEnum):
    """How an issue's items are set apart."""

    PLAIN = "plain"
    RULE = "rule"
    CARD = "card"


class HeadingStyle(StrEnum):
    """How chapters and sections are headed."""

    TINTED = "tinted"
    BAR = "bar"
    FILLED = "filled"
    UNDERLINE = "underline"
    CENTRED = "centred"


class Font(StrEnum):
    """A typeface by its kind; each reader's program takes the first of its stack that it has."""

    GOTHIC = "gothic"
    MINCHO = "mincho"
    ROUNDED = "rounded"
    UD = "ud"
    MONO = "mono"


_GOTHIC = (
    "'Hiragino Sans','Hiragino Kaku Gothic ProN','Noto Sans JP','Noto Sans CJK JP',"
    "Meiryo,'Yu Gothic'"
)
_MINCHO = (
    "'Hiragino Mincho ProN','Yu Mincho',YuMincho,'Noto Serif JP','Noto Serif CJK JP',"
    "'BIZ UDPMincho','MS PMincho'"
)
_ROUNDED = (
    "'Hiragino Maru Gothic ProN','Zen Maru Gothic','M PLUS Rounded 1c','Kosugi Maru',"
    "HGMaruGothicMPRO"
)
_DARK_PLATE = "#1c1c1c"
#: By typeface: the fonts of Japanese mail, then of mail in Latin letters; Japanese fonts stand in
#: the latter, too, for names and words within.
_STACKS = {
    Font.GOTHIC: (f"{_GOTHIC},Arial,sans-serif", f"{_GOTHIC},Arial,sans-serif"),
    Font.MINCHO: (
        f"{_MINCHO},Georgia,serif",
        f"Georgia,Cambria,'Times New Roman',{_MINCHO},serif",
    ),
    Font.ROUNDED: (
        f"{_ROUNDED},{_GOTHIC},sans-serif",
        f"'Arial Rounded MT Bold','Trebuchet MS',{_ROUNDED},sans-serif",
    ),
    Font.UD: (
        f"'BIZ UDPGothic','UD Shin Go',{_GOTHIC},Arial,sans-serif",
        f"Verdana,'BIZ UDPGothic',{_GOTHIC},sans-serif",
    ),
    Font.MONO: (
        f"ui-monospace,Menlo,Consolas,'Courier New',{_GOTHIC},monospace",
        f"ui-monospace,Menlo,Consolas,'Courier New',{_GOTHIC},monospace",
    ),
}
#: What Outlook on Windows is given, which takes a list's first font alone, and Times without it.
_OUTLOOK = {
    Font.GOTHIC: ("Meiryo, 'Yu Gothic'", "Arial"),
    Font.MINCHO: ("'Yu Mincho', 'MS PMincho'", "Georgia"),
    Font.ROUNDED: ("HGMaruGothicMPRO, Meiryo", "'Trebuchet MS'"),
    Font.UD: ("'BIZ UDPGothic', Meiryo", "Verdana"),
    Font.MONO: ("Consolas, Meiryo", "Consolas"),
}


def font_stack(font: Font, language: Language) -> str:
    """Return a typeface as the value of ``font-family``."""
    return _STACKS[font][language is not Language.JAPANESE]


@pass_context
def font_family(context: Context, font: Font) -> Markup:
    """Write a typeface in a template, for the language of the mail."""
    return Markup(font_stack(font, language_of_words(context["lang"])))  # noqa: S704 - of the table above


@pass_context
def outlook_font(context: Context, font: Font) -> Markup:
    """Write what Outlook on Windows is given in a typeface's place."""
    words = _OUTLOOK[font][context["lang"] != Language.JAPANESE.value]
    return Markup(words)  # noqa: S704 - of the table above


@dataclass(frozen=True, kw_only=True, slots=True)
class ThemePicture:
    """A picture of the look; ``width`` in pixels of the mail.

    Attributes:
        ink: The colour of what it shows, where its ground is transparent; else empty.
    """

    url: str
    alt: str
    width: int
    ink: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SocialLink:
    """Where else the publisher is found, such as a page on a network."""

    label: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Theme:
    """A look as templates see it; the default is the product's own.

    Attributes:
        palette: The colours that were chosen; `light` and `dark` are all that follow.
        size: Of the text, in pixels.
        radius: Of corners, in pixels.
        width: Of the mail, in pixels.
        header: A picture across the head, where the masthead is of that form.
        tagline: A line below the newsletter's name.
        footer: What stands at the end, above the sender; may have several lines.
    """

    palette: Palette = field(default_factory=Palette)
    font: Font = Font.GOTHIC
    heading_font: Font = Font.GOTHIC
    size: int = 16
    radius: int = 8
    width: int = 640
    masthead: Masthead = Masthead.BAND
    items: ItemStyle = ItemStyle.PLAIN
    headings: HeadingStyle = HeadingStyle.TINTED
    logo: ThemePicture | None = None
    header: ThemePicture | None = None
    tagline: str = ""
    footer: str = ""
    social: tuple[SocialLink, ...] = ()

    @property
    def light(self) -> Scheme:
        """The colours of the light appearance."""
        return light_scheme(self.palette)

    @property
    def dark(self) -> Scheme:
        """The colours of the dark appearance."""
        return dark_scheme(self.palette)

    @property
    def is_banded(self) -> bool:
        """Whether the head's words stand on the colour of the head, not on the card."""
        has_picture = self.header is not None
        return self.masthead in {Masthead.BAND, Masthead.DATE} or (
            self.masthead is Masthead.PICTURE and not has_picture
        )

    def logo_ground(self, *, dark: bool, on_card: bool = False) -> str:
        """Return the colour of a plate behind the logo, empty where it is seen without one.

        A plate that the light appearance needs stays in the dark one: a logo looks the same there.
        Notices, whose template is not Python, have the logo on the card.
        """
        if self.logo is None or not self.logo.ink:
            return ""
        on_head = self.is_banded and not on_card
        schemes = (self.light, self.dark) if dark else (self.light,)
        for scheme in schemes:
            ground = scheme.head if on_head else scheme.card
            if ratio(self.logo.ink, ground) < LARGE_TEXT:
                plates = (self.palette.card, self.palette.head, WHITE, _DARK_PLATE)
                return max(plates, key=lambda plate: ratio(self.logo_ink, plate))
        return ""

    @property
    def logo_ink(self) -> str:
        """The colour of what the logo shows; black where it is not known."""
        return (self.logo.ink if self.logo else "") or BLACK

    @property
    def is_open(self) -> bool:
        """Whether the card cannot be told from the page, so that it needs no corners."""
        return self.palette.card == self.palette.page

    @property
    def small_radius(self) -> int:
        """Corners of what stands within the card."""
        return (self.radius + 1) // 2

    def footer_lines(self) -> Iterable[tuple[Inline, ...]]:
        """Return the lines of the footer, web addresses in them as links."""
        return [link_bare_addresses(line) for line in self.footer.split("\n") if line.strip()]


DEFAULT_THEME = Theme()
