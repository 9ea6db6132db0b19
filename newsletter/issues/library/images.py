"""Pictures: the type is detected by content, the size is limited, and the picture is re-encoded.

Re-encoding removes metadata such as places and names, and anything that is not a picture. Pictures
are stored by their digest.
"""

from __future__ import annotations

import hashlib
import struct
import threading
from dataclasses import dataclass
from io import BytesIO

from PIL import ExifTags, Image, UnidentifiedImageError
from sqlalchemy.orm import Session

from newsletter.database.insert import insert_or_hold
from newsletter.database.tables import ImageRow
from newsletter.database.vocabulary import LibraryKind
from newsletter.errors import ContentError, NotFoundError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Size
from newsletter.issues.library.search import keep_item

#: The maximum size of a file in bytes; a telephone's picture with 48 million pixels is smaller.
LARGEST_PICTURE = 30_000_000
_MAX_PIXELS = 50_000_000
#: The maximum width and height in pixels: a single line of fifty million would need gigabytes.
_MAX_SIDE = 12_000
#: Limits the pictures decoded at the same time; the largest needs some hundred megabytes.
_AT_ONCE = threading.BoundedSemaphore(2)
#: The maximum width in pixels: twice the 600 of a mail, for high-resolution screens.
_MAX_WIDTH = 1200
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
#: Transpositions by the EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """A re-encoded picture, PNG or JPEG; sizes in pixels."""

    content: bytes
    media_type: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def is_picture(data: bytes) -> bool:
    """Return whether data begin like one of the supported formats."""
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return webp or data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"))


def encode_image(data: bytes, *, source: str) -> Encoded:
    """Re-encode a PNG, JPEG, GIF or WebP file; only the first frame of an animation is used.

    Raises:
        ContentError: The file is of another type, damaged, or too large.
    """
    place = Place(source=source)
    if len(data) > LARGEST_PICTURE:
        raise ContentError(
            msg("The picture is larger than {limit}.", limit=Size(LARGEST_PICTURE)),
            place=place,
            remedy=msg("Save it at a smaller size."),
        )
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as opened:
            too_long = max(opened.size) > _MAX_SIDE
            if too_long or opened.width * opened.height > _MAX_PIXELS:
                raise ContentError(
                    msg(
                        "The picture has {width} × {height} pixels.",
                        width=opened.width,
                        height=opened.height,
                    ),
                    place=place,
                    remedy=msg("Save it with a width of {width} pixels.", width=_MAX_WIDTH),
                )
            with _AT_ONCE:
                return _encode(opened)
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
        ValueError,
    ):
        raise ContentError(
            msg("This file cannot be read as a picture."),
            place=place,
            remedy=msg("Use a PNG, JPEG, GIF or WebP file."),
        ) from None


def _encode(opened: Image.Image) -> Encoded:
    # JPEG can be decoded at an eighth, a quarter or half of its size, which saves memory.
    opened.draft(None, (2 * _MAX_WIDTH, 2 * _MAX_WIDTH))
    upright = _upright(opened)
    if upright.width > _MAX_WIDTH:
        height = max(round(upright.height * _MAX_WIDTH / upright.width), 1)
        mode = "RGBA" if upright.has_transparency_data else "RGB"
        upright = upright.convert(mode).resize((_MAX_WIDTH, height), Image.Resampling.LANCZOS)
    output = BytesIO()
    if opened.format == "JPEG" or (opened.format == "WEBP" and not upright.has_transparency_data):
        media_type = "image/jpeg"
        bare = _without_metadata(upright.convert("RGB"))
        bare.save(output, "JPEG", quality=85, optimize=True, progressive=True)
    else:
        media_type = "image/png"
        mode = "RGBA" if upright.has_transparency_data else "RGB"
        _without_metadata(upright.convert(mode)).save(output, "PNG", optimize=True)
    return Encoded(
        content=output.getvalue(),
        media_type=media_type,
        width=upright.width,
        height=upright.height,
    )


def _upright(opened: Image.Image) -> Image.Image:
    """Return a picture rotated by its EXIF orientation, or unchanged if that cannot be read.

    The library's own function also rewrites other EXIF data, and fails if those are damaged.
    """
    try:
        held = opened.getexif().get(ExifTags.Base.Orientation)
    except (ValueError, TypeError, LookupError, SyntaxError, OSError, struct.error):
        held = None
    turn = _TURNS.get(held) if isinstance(held, int) else None
    return opened if turn is None else opened.transpose(turn)


def _without_metadata(picture: Image.Image) -> Image.Image:
    bare = Image.new(picture.mode, picture.size)
    bare.paste(picture)
    return bare


def require_description(alt: str) -> None:
    """Check that there is alternative text.

    Raises:
        ContentError: The alternative text is empty.
    """
    if not alt.strip():
        raise ContentError(
            msg("The picture has no alternative text."),
            place=Place(field="alt"),
            remedy=msg("Describe what it shows, for readers who cannot see it."),
        )


def keep_image(
    session: Session, newsletter_id: int, encoded: Encoded, *, alt: str, name: str = ""
) -> str:
    """Add a picture to a newsletter's library, and return its path on the web application.

    The path contains the width, so that mails need not load the picture to limit its width. The
    same picture is stored once.
    """
    values = {
        "digest": encoded.digest,
        "media_type": encoded.media_type,
        "width": encoded.width,
        "height": encoded.height,
        "content": encoded.content,
    }
    insert_or_hold(session, ImageRow, values)
    path = f"/images/{encoded.digest}-{encoded.width}w.{_ENDINGS[encoded.media_type]}"
    keep_item(
        session,
        newsletter_id,
        kind=LibraryKind.PICTURE,
        digest=encoded.digest,
        path=path,
        name=name,
        alt=alt,
        media_type=encoded.media_type,
        size=len(encoded.content),
        width=encoded.width,
        height=encoded.height,
    )
    return path


def find_image(session: Session, name: str) -> ImageRow:
    """Return a picture by the last part of its path.

    Raises:
        NotFoundError: There is no such picture.
    """
    stem, _dot, ending = name.partition(".")
    digest, _dash, width = stem.partition("-")
    row = session.get(ImageRow, digest)
    if row is None or _ENDINGS.get(row.media_type) != ending or width not in {"", f"{row.width}w"}:
        raise NotFoundError(msg("There is no such picture."))
    return row
