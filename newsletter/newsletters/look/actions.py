"""Changing a newsletter's look, with its audit entry."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.audit_details import details_of
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import ContentUser
from newsletter.errors import ConflictError, ContentError, NotFoundError, Place
from newsletter.i18n.messages import Message, msg
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
            remedy=msg(
                "Save once more to replace what they chose, or load the page again to see it."
            ),
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
