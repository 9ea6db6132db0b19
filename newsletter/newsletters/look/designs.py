"""The designs from which a look can start."""

from __future__ import annotations

from dataclasses import dataclass, replace

from newsletter.errors import NotFoundError
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.newsletters.look.model import Look
from newsletter.rendering.palette import Palette
from newsletter.rendering.theme import Font, HeadingStyle, ItemStyle, Masthead


@dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """A named design, with its look."""

    title: Message
    description: Message
    look: Look

    @property
    def name(self) -> str:
        """Its name in commands and files."""
        return self.look.design


DESIGNS = (
    Design(
        title=pmsg("design", "Standard"),
        description=msg("A calm blue band. For weekly and monthly reports of any office."),
        look=Look(),
    ),
    Design(
        title=pmsg("design", "Letter"),
        description=msg("White paper and text, nothing else. For personal letters."),
        look=Look(
            design="stationery",
            palette=Palette(
                accent="#3a3f47",
                head="#3a3f47",
                page="#ffffff",
                card="#ffffff",
                link="#1c5d99",
            ),
            size=17,
            radius=4,
            width=600,
            masthead=Masthead.PLAIN,
            headings=HeadingStyle.UNDERLINE,
        ),
    ),
    Design(
        title=pmsg("design", "Magazine"),
        description=msg("Large headings, a strong red, sharp corners. For stories with pictures."),
        look=Look(
            design="magazine",
            palette=Palette(
                accent="#c8102e",
                head="#141414",
                page="#ecebe8",
                card="#ffffff",
                text="#161616",
                link="#b00d27",
            ),
            size=17,
            radius=0,
            width=680,
            masthead=Masthead.PICTURE,
            items=ItemStyle.RULE,
            headings=HeadingStyle.UNDERLINE,
        ),
    ),
    Design(
        title=pmsg("design", "Family"),
        description=msg("Warm orange, round letters and corners. For families and daily life."),
        look=Look(
            design="family",
            palette=Palette(
                accent="#bd4a10",
                head="#ffc857",
                page="#fff3df",
                card="#fffdf9",
                text="#3d2b1f",
                link="#a8410f",
            ),
            font=Font.ROUNDED,
            heading_font=Font.ROUNDED,
            radius=20,
            items=ItemStyle.CARD,
            headings=HeadingStyle.BAR,
        ),
    ),
    Design(
        title=pmsg("design", "Museum"),
        description=msg("Serif letters, centred, on ivory. For culture, libraries and museums."),
        look=Look(
            design="museum",
            palette=Palette(
                accent="#7a1f2b",
                head="#7a1f2b",
                page="#efeae0",
                card="#fffefa",
                text="#2b2622",
                link="#7a1f2b",
            ),
            font=Font.MINCHO,
            heading_font=Font.MINCHO,
            size=17,
            radius=0,
            masthead=Masthead.CENTRED,
            items=ItemStyle.RULE,
            headings=HeadingStyle.CENTRED,
        ),
    ),
    Design(
        title=pmsg("design", "Technology"),
        description=msg("Dark, with letters of equal width in headings. For technical digests."),
        look=Look(
            design="technology",
            palette=Palette(
                accent="#4ade9c",
                head="#0b1017",
                page="#0b1017",
                card="#151c26",
                link="#6cc4ff",
            ),
            heading_font=Font.MONO,
            radius=6,
            masthead=Masthead.RULE,
            items=ItemStyle.RULE,
            headings=HeadingStyle.BAR,
        ),
    ),
    Design(
        title=pmsg("design", "Events"),
        description=msg("The day in large figures, each item in its box. For event programmes."),
        look=Look(
            design="events",
            palette=Palette(
                accent="#6b2fa0",
                head="#4b1d78",
                page="#f1ecf7",
                card="#ffffff",
                link="#6b2fa0",
            ),
            radius=14,
            masthead=Masthead.DATE,
            items=ItemStyle.CARD,
            headings=HeadingStyle.FILLED,
        ),
    ),
    Design(
        title=pmsg("design", "Disaster information"),
        description=msg(
            "Black on white, large, the clearest letters, red head. For what must be read at once."
        ),
        look=Look(
            design="disaster",
            palette=Palette(
                accent="#111111",
                head="#b4001e",
                page="#ffffff",
                card="#ffffff",
                text="#000000",
                link="#00419e",
            ),
            font=Font.UD,
            heading_font=Font.UD,
            size=19,
            radius=0,
            items=ItemStyle.RULE,
            headings=HeadingStyle.FILLED,
        ),
    ),
    Design(
        title=pmsg("design", "School and library"),
        description=msg("Green, with letters made for legibility. For schools, libraries, parks."),
        look=Look(
            design="school",
            palette=Palette(
                accent="#2a7a4b",
                head="#2a7a4b",
                page="#e9f3ea",
                card="#ffffff",
                text="#22302a",
                link="#1d6b3a",
            ),
            font=Font.UD,
            heading_font=Font.UD,
            radius=12,
            masthead=Masthead.DATE,
            headings=HeadingStyle.BAR,
        ),
    ),
    Design(
        title=pmsg("design", "Gazette"),
        description=msg("Serif headings under a rule, like a newspaper. For press and gazettes."),
        look=Look(
            design="gazette",
            palette=Palette(
                accent="#1b2a41",
                head="#1b2a41",
                page="#f7f7f5",
                card="#f7f7f5",
                text="#1a1a1a",
                link="#114b8c",
            ),
            heading_font=Font.MINCHO,
            radius=0,
            masthead=Masthead.RULE,
            items=ItemStyle.RULE,
            headings=HeadingStyle.UNDERLINE,
        ),
    ),
)


def find_design(name: str) -> Design:
    """Return a design by its name.

    Raises:
        NotFoundError: There is no such design.
    """
    for design in DESIGNS:
        if design.name == name:
            return design
    raise NotFoundError(
        msg("There is no design “{name}”.", name=name),
        remedy=msg("The choices are: {names}.", names=", ".join(each.name for each in DESIGNS)),
    )


def with_design(look: Look, name: str) -> Look:
    """Return a look with a design's colours, fonts and forms, and its own pictures and texts.

    Raises:
        NotFoundError: There is no such design.
    """
    return replace(
        find_design(name).look,
        logo=look.logo,
        header=look.header,
        tagline=look.tagline,
        footer=look.footer,
        social=look.social,
    )
