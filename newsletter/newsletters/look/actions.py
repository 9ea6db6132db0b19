"""Changing a newsletter's look, with its audit entry; a look as a file, for another newsletter."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from PIL import Image
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action, details_of
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import ContentUser
from newsletter.errors import ConflictError, ContentError, NotFoundError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Size
from newsletter.issues.library.images import (
    encode_image,
    find_image,
    keep_image,
    require_description,
)
from newsletter.issues.library.uses import record_uses
from newsletter.newsletters.look.contrast import find_unreadable
from newsletter.newsletters.look.model import (
    LOGO_WIDTHS,
    Look,
    LookPicture,
    look_from_json,
    look_of,
    look_to_json,
    look_version,
    with_site,
)

#: The default width of a logo in pixels, unless it is smaller.
USUAL_LOGO = 160
#: Detection of a transparent ground: size of the sample, alpha threshold, minimum share of pixels.
_SAMPLED, _SEEN, _LEAST_GROUND = (96, 96), 127, 0.02


def find_look_faults(session: Session, look: Look) -> dict[str, Message]:
    """Return the errors of a look, by field: unreadable colours, and pictures not stored here."""
    faults = {
        fault.field: fault.message for fault in find_unreadable(look.palette) if fault.refused
    }
    for field, picture in (("logo", look.logo), ("header", look.header)):
        if picture is not None:
            try:
                find_image(session, picture.path.removeprefix("/images/"))
            except NotFoundError:
                faults[field] = msg("This picture is not kept here. Upload it.")
    return faults


def change_look(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    look: Look,
    *,
    site: str,
    began_with: str = "",
) -> bool:
    """Change a newsletter's look; return whether anything changed.

    ``site`` is the base URL for pictures in mail. ``began_with`` is the version of the look that
    was edited; without it, any look is replaced.

    Existing mailings are not affected. Issues that were approved with another look must be approved
    again.

    Raises:
        ContentError: A colour is unreadable on its background, or a picture is not stored here; the
            place names the field.
        ConflictError: Another person changed the look since.
    """
    row = session.get_one(NewsletterRow, newsletter_id, with_for_update=True)
    for field, fault in find_look_faults(session, look).items():
        raise ContentError(fault, place=Place(source="look", field=field))
    kept, look = look_of(row), with_site(look, site)
    before, after = look_to_json(kept), look_to_json(look)
    if before == after:
        return False
    if began_with and look_version(kept) != began_with:
        raise ConflictError(
            msg("Somebody else changed the look meanwhile; yours is not saved."),
            remedy=msg("Save once more to replace what they chose, or look at it as it is now."),
        )
    row.look = after
    record_uses(session, row.id, ContentUser.LOOK, row.id, after)
    record_event(
        session,
        actor,
        Action.NEWSLETTER_LOOK,
        object=row.slug,
        newsletter_id=row.id,
        details=details_of(_changes(before, after)),
    )
    return True


def _changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, object]:
    return {
        name: [before[name], value] for name, value in after.items() if before.get(name) != value
    }


def keep_look_picture(
    session: Session, newsletter_id: int, data: bytes, *, source: str, alt: str, site: str
) -> LookPicture:
    """Store a logo or header picture, and return it for a look.

    Raises:
        ContentError: The file is not a picture or too large, or has no alternative text.
    """
    encoded = encode_image(data, source=source)
    require_description(alt)
    path = keep_image(session, newsletter_id, encoded, alt=alt, name=source)
    return LookPicture(
        url=site.rstrip("/") + path,
        alt=" ".join(alt.split())[:200],
        width=max(min(encoded.width, USUAL_LOGO), LOGO_WIDTHS[0]),
        ink=ink_of(encoded.content),
    )


def ink_of(content: bytes) -> str:
    """Return the mean colour of a picture with a transparent ground; empty for other pictures."""
    with Image.open(BytesIO(content)) as opened:
        if not opened.has_transparency_data:
            return ""
        small = opened.convert("RGBA")
        small.thumbnail(_SAMPLED)
    octets = small.tobytes()
    pixels = [octets[at : at + 4] for at in range(0, len(octets), 4)]
    inked = [pixel for pixel in pixels if pixel[3] > _SEEN]
    if not inked or len(pixels) - len(inked) < len(pixels) * _LEAST_GROUND:
        return ""
    means = (round(sum(pixel[channel] for pixel in inked) / len(inked)) for channel in range(3))
    return "#{:02x}{:02x}{:02x}".format(*means)


#: The maximum size of a file in bytes: two pictures of maximum size, in base64.
LARGEST_FILE = 28_000_000
_PICTURES = ("logo", "header")


@dataclass(frozen=True, kw_only=True, slots=True)
class LookFile:
    """The content of a file: a look, and its pictures under ``logo`` and ``header``."""

    look: Look
    pictures: Mapping[str, bytes]


def write_look_file(session: Session, look: Look) -> bytes:
    """Write a look with its pictures as a file."""
    pictures = {}
    for field, picture in (("logo", look.logo), ("header", look.header)):
        if picture is None:
            continue
        try:
            content = find_image(session, picture.path.removeprefix("/images/")).content
        except NotFoundError:
            continue
        pictures[field] = base64.b64encode(content).decode()
    value = {**look_to_json(look), **({"pictures": pictures} if pictures else {})}
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def read_look_file(data: bytes, *, source: str) -> LookFile:
    """Read a file that `write_look_file` wrote.

    Raises:
        ContentError: The file is too large, is not JSON, or has a value that is not valid.
    """
    place = Place(source=source)
    remedy = msg("Choose a file that was exported from a look.")
    if len(data) > LARGEST_FILE:
        raise ContentError(
            msg("The file is larger than {limit}.", limit=Size(LARGEST_FILE)),
            place=place,
            remedy=remedy,
        )
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ContentError(
            msg("This is not a look: it is not a JSON object."), place=place, remedy=remedy
        )
    pictures = value.pop("pictures", {})
    if not isinstance(pictures, dict) or not pictures.keys() <= set(_PICTURES):
        raise ContentError(
            msg("The pictures in the file cannot be read."), place=place, remedy=remedy
        )
    try:
        decoded = {
            field: base64.b64decode(content, validate=True) for field, content in pictures.items()
        }
    except (binascii.Error, TypeError, ValueError):
        raise ContentError(
            msg("The pictures in the file cannot be read."), place=place, remedy=remedy
        ) from None
    return LookFile(look=look_from_json(value), pictures=decoded)


def keep_look_file(
    session: Session, newsletter_id: int, file: LookFile, *, source: str, site: str
) -> Look:
    """Add the pictures of a file to a newsletter's library; return the look with them.

    This does not change the newsletter's look; see `change_look`.

    Raises:
        ContentError: A picture is not valid or too large.
    """

    def kept(field: str, picture: LookPicture | None) -> LookPicture | None:
        content = file.pictures.get(field)
        if picture is None or content is None:
            return picture
        encoded = encode_image(content, source=source)
        name = f"{field}.{'png' if encoded.media_type == 'image/png' else 'jpg'}"
        path = keep_image(session, newsletter_id, encoded, alt=picture.alt, name=name)
        return replace(picture, url=site.rstrip("/") + path)

    look = file.look
    look = replace(look, logo=kept("logo", look.logo), header=kept("header", look.header))
    return with_site(look, site)
