"""Pictures for issues: type by content, size bounded, re-encoded, kept under their digest.

Re-encoding drops what a file carries besides its picture: places, names, and anything that only
pretends to be an image.
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

#: Octets: what a telephone makes of 48 million pixels fits.
LARGEST_PICTURE = 30_000_000
_MAX_PIXELS = 50_000_000
#: Pixels of either side: a line of fifty million fits the bound above, and takes gigabytes.
_MAX_SIDE = 12_000
#: Pictures that are taken apart at once; the largest takes some hundred megabytes.
_AT_ONCE = threading.BoundedSemaphore(2)
#: Pixels across: twice the 600 of a mail, for sharp screens.
_MAX_WIDTH = 1200
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
#: How a picture is turned upright, by the number of EXIF for how the camera was held.
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
    """A picture as mails show it: PNG or JPEG; sizes in pixels."""

    content: bytes
    media_type: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()


def is_picture(data: bytes) -> bool:
    """Return whether data begins as one of the formats that are taken."""
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return webp or data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"))


def encode_image(data: bytes, *, source: str) -> Encoded:
    """Re-encode a PNG, JPEG, GIF or WebP file; of a moving picture the first frame is taken.

    Raises:
        ContentError: It is none of these, damaged, or too large.
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
    # JPEG can be read at an eighth, a quarter or half of its size, at so much less memory.
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
    """Return a picture turned as its camera was held; as it is where that cannot be read.

    Not the library's own way: that one also writes anew what else a camera says, and fails where
    some of it is damaged.
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


def demand_description(alt: str) -> None:
    """Demand that somebody said what a picture shows.

    Raises:
        ContentError: There is no alternative text.
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
    """Keep a picture in a newsletter's library and return its path on the web application.

    The path says how wide it is: mails show it no wider, and need not ask for it to know. The same
    picture is kept once.
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
        NotFoundError: There is none of that name.
    """
    stem, _dot, ending = name.partition(".")
    digest, _dash, width = stem.partition("-")
    row = session.get(ImageRow, digest)
    if row is None or _ENDINGS.get(row.media_type) != ending or width not in {"", f"{row.width}w"}:
        raise NotFoundError(msg("There is no such picture."))
    return row
