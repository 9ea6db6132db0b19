"""Pictures: judged by content, re-encoded, kept once, served for good."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from struct import pack

import httpx
import pytest
from fastapi import FastAPI
from PIL import ExifTags, Image, ImageOps
from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import transaction
from newsletter.errors import ContentError
from newsletter.issues.library.images import LARGEST_PICTURE, encode_image, keep_image
from newsletter.newsletters.issue_actions import add_picture
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from newsletter.web.app import create_app
from tests.support.loops import run_apart
from tests.support.stage import set_stage


def _file(
    form: str, *, size: tuple[int, int] = (40, 30), mode: str = "RGB", exif: bytes = b""
) -> bytes:
    output = BytesIO()
    Image.new(mode, size).save(output, form, exif=exif)
    return output.getvalue()


def _get(app: FastAPI, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path)

    return run_apart(ask)


@pytest.mark.parametrize(
    ("form", "mode", "media_type"),
    [
        ("JPEG", "RGB", "image/jpeg"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("WEBP", "RGB", "image/jpeg"),
        ("WEBP", "RGBA", "image/png"),
        ("PNG", "RGBA", "image/png"),
        ("PNG", "L", "image/png"),
        ("GIF", "P", "image/png"),
    ],
)
def test_what_mail_clients_show_comes_out(form: str, mode: str, media_type: str) -> None:
    encoded = encode_image(_file(form, mode=mode), source="picture")

    assert encoded.media_type == media_type
    assert (encoded.width, encoded.height) == (40, 30)
    with Image.open(BytesIO(encoded.content)) as read:
        assert read.get_format_mimetype() == media_type


def test_a_wide_picture_is_brought_to_twice_the_width_of_a_mail() -> None:
    encoded = encode_image(_file("PNG", size=(2400, 1000)), source="picture")

    assert (encoded.width, encoded.height) == (1200, 500)


def test_where_a_photograph_was_taken_is_not_published() -> None:
    exif = Image.Exif()
    exif[0x010E] = "home address"
    encoded = encode_image(_file("JPEG", exif=exif.tobytes()), source="picture")

    assert b"home address" not in encoded.content


def test_a_photograph_taken_sideways_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    encoded = encode_image(_file("JPEG", exif=exif.tobytes()), source="picture")

    assert (encoded.width, encoded.height) == (30, 40)


def test_a_photograph_of_a_telephone_is_taken_as_it_is() -> None:
    # As much as forty-eight million pixels take; what follows the picture's end is passed over.
    photograph = _file("JPEG", size=(8064, 6048)) + bytes(12_000_000)
    encoded = encode_image(photograph, source="picture")

    assert (encoded.width, encoded.height) == (1200, 900)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a",
        _file("PNG")[:60],
        _file("BMP"),
        b"a" * (LARGEST_PICTURE + 1),
        _file("PNG", size=(9000, 6000), mode="1"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(ContentError):
        encode_image(data, source="picture")


def test_a_picture_is_kept_once_and_served_for_good(engine: Engine, tmp_path: Path) -> None:
    stage = set_stage(engine)
    encoded = encode_image(_file("PNG"), source="picture")
    paths = set()
    for _ in range(2):
        with transaction(engine) as session:
            paths.add(keep_image(session, stage.newsletter_id, encoded, alt="灰色の面"))
    settings = Settings(_env_file=None, data_dir=tmp_path)
    app = create_app(settings=settings, engine=engine, signer=TokenSigner([b"k"]), mailbox=None)

    (path,) = paths
    answer = _get(app, path)
    assert _get(app, path.replace(".png", ".jpg")).status_code == 404
    assert answer.content == encoded.content
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_picture_without_alternative_text_is_not_kept(engine: Engine) -> None:
    stage = set_stage(engine)
    encoded = encode_image(_file("PNG"), source="picture")

    with pytest.raises(ContentError, match="alternative text"), transaction(engine) as session:
        add_picture(session, COMMAND_LINE, stage.newsletter_id, encoded, alt=" ")


@pytest.mark.parametrize("held", range(10))
def test_a_picture_is_turned_as_its_camera_was_held(held: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = held
    output = BytesIO()
    picture = Image.linear_gradient("L").resize((40, 30)).convert("RGB")
    picture.save(output, "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(output))
    with Image.open(BytesIO(encode_image(output.getvalue(), source="picture").content)) as read:
        assert (read.size, read.tobytes()) == (upright.size, upright.tobytes())


def test_what_a_camera_says_wrongly_does_a_picture_no_harm() -> None:
    # A description that is a fraction, and the camera held to the right.
    description = pack("<HHII", ExifTags.Base.ImageDescription, 5, 1, 48)
    orientation = pack("<HHIHH", ExifTags.Base.Orientation, 3, 1, 6, 0)
    head = b"II*\0" + pack("<IH", 8, 2) + description + orientation + pack("<I", 0)
    exif = b"Exif\0\0" + head.ljust(48, b"\0") + pack("<II", 1, 2)
    encoded = encode_image(_file("JPEG", exif=exif), source="picture")
    assert (encoded.width, encoded.height) == (30, 40)
