"""Labels of the choices for a newsletter's look and templates."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.rendering.model import OWN
from newsletter.rendering.theme import Font, HeadingStyle, ItemStyle, Masthead

FONTS: Mapping[Font, Message] = {
    Font.GOTHIC: pmsg("font", "Gothic"),
    Font.MINCHO: pmsg("font", "Mincho (serif)"),
    Font.ROUNDED: pmsg("font", "Rounded gothic"),
    Font.UD: pmsg("font", "Universal design"),
    Font.MONO: pmsg("font", "Fixed width"),
}
MASTHEADS: Mapping[Masthead, Message] = {
    Masthead.BAND: pmsg("masthead", "Coloured band"),
    Masthead.RULE: pmsg("masthead", "Under a rule"),
    Masthead.CENTRED: pmsg("masthead", "Centred"),
    Masthead.PICTURE: pmsg("masthead", "Header picture"),
    Masthead.DATE: pmsg("masthead", "Day in large figures"),
    Masthead.PLAIN: pmsg("masthead", "Plain"),
}
ITEMS: Mapping[ItemStyle, Message] = {
    ItemStyle.PLAIN: pmsg("items", "Set apart by space"),
    ItemStyle.RULE: pmsg("items", "Set apart by rules"),
    ItemStyle.CARD: pmsg("items", "Each in a box"),
}
HEADINGS: Mapping[HeadingStyle, Message] = {
    HeadingStyle.TINTED: pmsg("headings", "Coloured"),
    HeadingStyle.BAR: pmsg("headings", "Bar at the left"),
    HeadingStyle.FILLED: pmsg("headings", "Filled"),
    HeadingStyle.UNDERLINE: pmsg("headings", "Underlined"),
    HeadingStyle.CENTRED: pmsg("headings", "Between rules"),
}
COLOURS: Mapping[str, Message] = {
    "accent": msg("Accent"),
    "head": pmsg("look", "Head"),
    "page": msg("Around the mail"),
    "card": msg("Behind the text"),
    "text": pmsg("look", "Text"),
    "link": msg("Links"),
}


STRUCTURES: Mapping[str, Message] = {
    "digest": pmsg("template", "Digest: contents and chapters"),
    "letter": pmsg("template", "Letter: one run of text"),
}


def structure_name(name: str, language: Language) -> str:
    """Return the label of a template."""
    if name.startswith(OWN):
        label = msg("Your own: {name}", name=name.removeprefix(OWN))
        return label.in_language(language)
    known = STRUCTURES.get(name)
    return known.in_language(language) if known else name
