"""The look of a mail as templates see it: colours of both modes, fonts, shapes, pictures."""

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
    """The form of a mail's masthead."""

    BAND = "band"
    RULE = "rule"
    CENTRED = "centred"
    PICTURE = "picture"
    DATE = "date"
    PLAIN = "plain"


class ItemStyle(StrEnum):
    """How the items of an issue are separated."""

    PLAIN = "plain"
    RULE = "rule"
    CARD = "card"


class HeadingStyle(StrEnum):
    """The style of chapter and section headings."""

    TINTED = "tinted"
    BAR = "bar"
    FILLED = "filled"
    UNDERLINE = "underline"
    CENTRED = "centred"


class Font(StrEnum):
    """A kind of typeface; a reader's program uses the first installed font of its stack."""

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
#: For each typeface: the fonts of Japanese mail, and of mail in Latin letters. The latter include
#: Japanese fonts for names and words.
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
#: Fonts for Outlook on Windows, which uses only the first font of a list, or else Times.
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
    """Return a typeface for a template, in the language of the mail."""
    return Markup(font_stack(font, language_of_words(context["lang"])))  # noqa: S704 - of the table above


@pass_context
def outlook_font(context: Context, font: Font) -> Markup:
    """Return the font for Outlook on Windows in place of a typeface."""
    words = _OUTLOOK[font][context["lang"] != Language.JAPANESE.value]
    return Markup(words)  # noqa: S704 - of the table above


@dataclass(frozen=True, kw_only=True, slots=True)
class ThemePicture:
    """A picture of the look; ``width`` is in pixels of the mail.

    Attributes:
        ink: The colour of its content, if its background is transparent; else empty.
    """

    url: str
    alt: str
    width: int
    ink: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SocialLink:
    """A link to another page of the publisher, such as one on a social network."""

    label: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Theme:
    """A look for templates; the default is the product's own.

    Attributes:
        palette: The chosen colours; `light` and `dark` are derived from them.
        size: Size of the text, in pixels.
        radius: Radius of corners, in pixels.
        width: Width of the mail, in pixels.
        header: A picture across the masthead, for ``Masthead.PICTURE``.
        tagline: A line below the newsletter's name.
        footer: Text at the end, above the sender; may have several lines.
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
        """The colours of the light mode."""
        return light_scheme(self.palette)

    @property
    def dark(self) -> Scheme:
        """The colours of the dark mode."""
        return dark_scheme(self.palette)

    @property
    def is_banded(self) -> bool:
        """Whether the masthead's text is on the colour of the head, not on the card."""
        has_picture = self.header is not None
        return self.masthead in {Masthead.BAND, Masthead.DATE} or (
            self.masthead is Masthead.PICTURE and not has_picture
        )

    def logo_ground(self, *, dark: bool, on_card: bool = False) -> str:
        """Return the colour of a plate behind the logo; empty if the logo needs none.

        A plate for the light mode is kept in the dark mode, so that the logo looks the same. With
        ``on_card``, the logo is on the card in any masthead, as in notices.
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
        """The colour of the logo's content; black if it is not known."""
        return (self.logo.ink if self.logo else "") or BLACK

    @property
    def is_open(self) -> bool:
        """Whether card and page have the same colour, so that the card needs no corners."""
        return self.palette.card == self.palette.page

    @property
    def small_radius(self) -> int:
        """The radius of corners inside the card, in pixels."""
        return (self.radius + 1) // 2

    def footer_lines(self) -> Iterable[tuple[Inline, ...]]:
        """Return the lines of the footer, with bare URLs as links."""
        return [link_bare_addresses(line) for line in self.footer.split("\n") if line.strip()]


DEFAULT_THEME = Theme()
