"""The picture that networks show beside a link to a newsletter: its header, or its logo."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageOps

from newsletter.newsletters.look.model import Look
from newsletter.rendering.colours import rgb
from newsletter.rendering.palette import light_scheme

#: Pixels, as Open Graph asks of a large picture.
SIZE = (1200, 630)
_STRIPE, _PLATE, _MARGIN = 24, 48, 90


@lru_cache(maxsize=32)
def social_picture(look: Look, header: bytes | None, logo: bytes | None) -> bytes:
    """Draw it as PNG; ``header`` and ``logo`` are what the store keeps of the look's pictures."""
    scheme = light_scheme(look.palette)
    canvas = Image.new("RGB", SIZE, rgb(scheme.head))
    draw = ImageDraw.Draw(canvas)
    if header is not None:
        with Image.open(BytesIO(header)) as picture:
            canvas.paste(ImageOps.fit(picture.convert("RGB"), SIZE))
    elif logo is not None:
        _place_logo(canvas, draw, logo, rgb(scheme.card), look.radius)
    else:
        _draw_letter(draw, scheme.head_text, scheme.head)
    draw.rectangle((0, SIZE[1] - _STRIPE, *SIZE), fill=rgb(scheme.accent))
    output = BytesIO()
    canvas.save(output, "PNG", optimize=True)
    return output.getvalue()


def _place_logo(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    logo: bytes,
    ground: tuple[int, int, int],
    radius: int,
) -> None:
    """Put the logo in the middle, on a plate of the card's colour: it was made for that."""
    with Image.open(BytesIO(logo)) as opened:
        room = (SIZE[0] - 2 * (_MARGIN + _PLATE), SIZE[1] - 2 * (_MARGIN + _PLATE))
        picture = ImageOps.contain(opened.convert("RGBA"), room)
    left, top = (SIZE[0] - picture.width) // 2, (SIZE[1] - picture.height) // 2
    right, bottom = left + picture.width, top + picture.height
    plate = (left - _PLATE, top - _PLATE, right + _PLATE, bottom + _PLATE)
    draw.rounded_rectangle(plate, radius=2 * radius, fill=ground)
    canvas.paste(picture, (left, top), picture)


def _draw_letter(draw: ImageDraw.ImageDraw, ink: str, ground: str) -> None:
    """Draw a closed envelope, the product's own mark."""
    left, top, right, bottom = 430, 200, 770, 430
    draw.rounded_rectangle((left, top, right, bottom), radius=28, fill=rgb(ink))
    middle = (left + right) // 2
    draw.line(
        ((left + 20, top + 24), (middle, top + 140), (right - 20, top + 24)),
        fill=rgb(ground),
        width=18,
        joint="curve",
    )
