"""The model of a look: colours, fonts, forms, pictures and texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from newsletter.database.tables import NewsletterRow
from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.issues.checks.links import find_url_fault
from newsletter.rendering.colours import Hex
from newsletter.rendering.palette import Palette
from newsletter.rendering.theme import (
    Font,
    HeadingStyle,
    ItemStyle,
    Masthead,
    SocialLink,
    Theme,
    ThemePicture,
)

#: Minimum and maximum in pixels, of text, corners, the mail's width, and a logo's width.
SIZES, RADII, WIDTHS, LOGO_WIDTHS = (15, 19), (0, 24), (520, 720), (24, 480)
MOST_SOCIAL = 8
_TAGLINE, _FOOTER, _LABEL, _URL, _ALT = 120, 1000, 40, 500, 200
#: A picture stored here; others are refused, so that a look cannot track readers.
_OWN_PICTURE = r"^https?://[^\s\"'<>]{1,200}/images/[0-9a-f]{64}-\d{1,5}w\.(png|jpg)$"


def _line(longest: int) -> Any:  # noqa: ANN401 - an argument of `Annotated`
    return StringConstraints(max_length=longest, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*$")


@dataclass(frozen=True, kw_only=True, slots=True)
class LookPicture:
    """A stored picture with its alternative text; ``width`` is in pixels of the mail.

    Attributes:
        ink: Its mean colour if its ground is transparent; else empty.
    """

    url: Annotated[str, StringConstraints(pattern=_OWN_PICTURE)]
    alt: Annotated[str, StringConstraints(min_length=1), _line(_ALT)]
    width: Annotated[int, Field(ge=LOGO_WIDTHS[0], le=WIDTHS[1])] = 160
    ink: Hex | Literal[""] = ""

    @property
    def path(self) -> str:
        """Its path on the same site."""
        return self.url[self.url.rindex("/images/") :]


@dataclass(frozen=True, kw_only=True, slots=True)
class LookLink:
    """A link to a page of the publisher, such as in a social network."""

    label: Annotated[str, StringConstraints(min_length=1), _line(_LABEL)]
    url: Annotated[
        str, StringConstraints(max_length=_URL, pattern=r"^https?://[^\x00-\x20\x7f\"<>]+$")
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A newsletter's look, used by its mail, archive, forms and notices.

    A look stores all its values; later changes of the design that it started from do not affect it.

    Attributes:
        design: The name of the design that it started from.
        size: The text's size in pixels.
        radius: The corners' radius in pixels.
        width: The mail's width in pixels.
        header: A header picture, shown if the masthead has that form.
        tagline: A line below the newsletter's name.
        footer: Lines above the sender's address; URLs in them become links.
    """

    design: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,31}$")] = "standard"
    palette: Palette = field(default_factory=Palette)
    font: Font = Font.GOTHIC
    heading_font: Font = Font.GOTHIC
    size: Annotated[int, Field(ge=SIZES[0], le=SIZES[1])] = 16
    radius: Annotated[int, Field(ge=RADII[0], le=RADII[1])] = 8
    width: Annotated[int, Field(ge=WIDTHS[0], le=WIDTHS[1])] = 640
    masthead: Masthead = Masthead.BAND
    items: ItemStyle = ItemStyle.PLAIN
    headings: HeadingStyle = HeadingStyle.TINTED
    logo: LookPicture | None = None
    header: LookPicture | None = None
    tagline: Annotated[str, _line(_TAGLINE)] = ""
    footer: Annotated[
        str,
        StringConstraints(max_length=_FOOTER, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f\u2028\u2029]*$"),
    ] = ""
    social: Annotated[tuple[LookLink, ...], Field(max_length=MOST_SOCIAL)] = ()


_ADAPTER: TypeAdapter[Look] = TypeAdapter(Look)
#: The valid values of fields, for users; by name, or the last part of the name.
_ASKED: Mapping[str, Message] = {
    "size": msg("The text has {least} to {most} pixels.", least=SIZES[0], most=SIZES[1]),
    "radius": msg("Corners have {least} to {most} pixels.", least=RADII[0], most=RADII[1]),
    "width": msg("The mail is {least} to {most} pixels wide.", least=WIDTHS[0], most=WIDTHS[1]),
    "tagline": msg("Keep it to one line within {longest} characters.", longest=_TAGLINE),
    "footer": msg("Keep it within {longest} characters.", longest=_FOOTER),
    "logo": msg("Choose a picture, say what it shows, and how wide it is."),
    "header": msg("Choose a picture, and say what it shows."),
    "social": msg(
        "Write one address per line, beginning with https://, optionally with "
        "a name before it; {most} at most.",
        most=MOST_SOCIAL,
    ),
    "palette": msg("Give a colour as six digits, such as #12406b."),
    "design": msg("Choose one of the designs."),
}
_UNKNOWN = msg("Choose one of the values offered.")


def look_to_json(look: Look) -> dict[str, Any]:
    """Return a look in its stored form."""
    values: dict[str, Any] = _ADAPTER.dump_python(look, mode="json")
    return values


def look_from_json(value: Mapping[str, Any]) -> Look:
    """Read a look from its stored form; missing values have their defaults.

    Raises:
        ContentError: A value is not valid; the place names the field.
    """
    look, faults = read_look(value)
    for name, fault in faults.items():
        raise ContentError(fault, place=Place(source="look", field=name))
    return look


def read_look(value: Mapping[str, Any]) -> tuple[Look, dict[str, Message]]:
    """Read a look, and return it with errors by field; with errors, the look is the default."""
    try:
        look = _ADAPTER.validate_python(value)
    except ValidationError as error:
        return Look(), {
            _field(entry["loc"]): _ASKED.get(str(entry["loc"][0] if entry["loc"] else ""), _UNKNOWN)
            for entry in error.errors(include_url=False, include_input=False)
        }
    for link in look.social:
        if fault := find_url_fault(link.url):
            return Look(), {"social": fault.message}
    return look, {}


def _field(place: tuple[int | str, ...]) -> str:
    """Return the name of a field on the page and in messages."""
    names = [part for part in place if isinstance(part, str)]
    if names[:1] == ["palette"] and len(names) > 1:
        return names[1]
    return names[0] if names else "look"


def theme_of(look: Look) -> Theme:
    """Return a look's theme for templates."""
    return Theme(
        palette=look.palette,
        font=look.font,
        heading_font=look.heading_font,
        size=look.size,
        radius=look.radius,
        width=look.width,
        masthead=look.masthead,
        items=look.items,
        headings=look.headings,
        logo=_shown(look.logo),
        header=_shown(look.header),
        tagline=look.tagline,
        footer=look.footer,
        social=tuple(SocialLink(label=link.label, url=link.url) for link in look.social),
    )


def _shown(picture: LookPicture | None) -> ThemePicture | None:
    if picture is None:
        return None
    return ThemePicture(url=picture.url, alt=picture.alt, width=picture.width, ink=picture.ink)


def with_site(look: Look, site: str) -> Look:
    """Return a look with the URLs of its pictures at another site."""
    return replace(look, logo=_at(look.logo, site), header=_at(look.header, site))


def _at(picture: LookPicture | None, site: str) -> LookPicture | None:
    return picture and replace(picture, url=site.rstrip("/") + picture.path)


def look_version(look: Look) -> str:
    """Return a digest of a look."""
    return sha256(json.dumps(look_to_json(look), sort_keys=True).encode()).hexdigest()[:16]


def look_of(newsletter: NewsletterRow) -> Look:
    """Return a newsletter's look.

    Raises:
        ContentError: The stored value is not valid; the place names the field.
    """
    return look_from_json(newsletter.look)
