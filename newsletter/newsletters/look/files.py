"""A look as a file, with its pictures, for copying it to another newsletter."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from newsletter.errors import ContentError, NotFoundError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Size
from newsletter.issues.library.images import encode_image, find_image, keep_image
from newsletter.newsletters.look.model import (
    Look,
    LookPicture,
    look_from_json,
    look_to_json,
    with_site,
)

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
