"""Encodings of Japanese text, with what NEC, IBM and Microsoft added to them."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import ContentError
from newsletter.issues.sources.encodings import decode
from subscribers.lists.parsers.decoding import text_lines
from tests.support.examples import examples


def _cp932_pairs(first: int, last: int) -> list[str]:
    found = []
    for lead in range(first, last + 1):
        for trail in (*range(0x40, 0x7F), *range(0x80, 0xFD)):
            character = bytes((lead, trail)).decode("cp932", "ignore")
            # Where the pair is none, its second octet alone may be a character: half-width kana, or
            # U+F8F0 to U+F8F3 for the octets that have no meaning.
            found += [character] if len(character.encode("cp932")) == 2 else []
    return found


#: Characters of rows 1 to 94 that CP932 and JIS X 0208 map to the same code points.
_PLACED = [
    character
    for character in (*_cp932_pairs(0x81, 0x9F), *_cp932_pairs(0xE0, 0xEE))
    if character not in "―～∥－￠￡￢￤＇＂"
]
_HALF_KANA = [chr(code) for code in range(0xFF61, 0xFFA0)]


def _place(character: str) -> bytes:
    """Return a character's row and cell, each from 0x21, by its octets in CP932."""
    octets = character.encode("cp932")
    if octets[0] >= 0xFA:
        # Microsoft prefers IBM's own place; NEC's selection of it is in rows 89 to 92.
        octets = _SELECTED[character]
    lead = octets[0] - (0x81 if octets[0] < 0xA0 else 0xC1)
    trail = octets[1] - 0x40 - (octets[1] > 0x7F)
    return bytes((lead * 2 + trail // 94 + 0x21, trail % 94 + 0x21))


_SELECTED = {
    octets.decode("cp932"): octets
    for lead in (0xED, 0xEE)
    for trail in (*range(0x40, 0x7F), *range(0x80, 0xFD))
    if len((octets := bytes((lead, trail))).decode("cp932", "ignore").encode("cp932")) == 2
}


def _cp50221(text: str) -> bytes:
    written = b""
    for character in text:
        if character.isascii():
            written += b"\x1b(B" + character.encode()
        elif character in _HALF_KANA:
            written += b"\x1b(I" + bytes((character.encode("cp932")[0] & 0x7F,))
        else:
            written += b"\x1b$B" + _place(character)
    return written + b"\x1b(B"


def _cp51932(text: str) -> bytes:
    written = b""
    for character in text:
        if character.isascii():
            written += character.encode()
        elif character in _HALF_KANA:
            written += b"\x8e" + character.encode("cp932")
        else:
            written += bytes(octet | 0x80 for octet in _place(character))
    return written


_TEXTS = st.text(st.sampled_from([*_PLACED, *_HALF_KANA, *"abc 12\n"]), max_size=40)


@settings(max_examples=examples(200))
@given(_TEXTS)
def test_iso_2022_jp_of_windows_is_read_whole(text: str) -> None:
    assert decode(_cp50221(text) + b'\x1b$B$"\x1b(B').text == text + "あ"


@settings(max_examples=examples(200))
@given(_TEXTS)
def test_euc_jp_of_windows_is_read_whole(text: str) -> None:
    told = "お知らせします。"
    assert decode(_cp51932(told * 12 + text)).text == told * 12 + text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param(b"\x1b$B-!\x1b(B", "①", id="NEC's row 13"),
        pytest.param(b"\x1b$B-j\x1b(B", "㈱", id="NEC's row 13, an abbreviation"),
        pytest.param(b"\x1b$B|b\x1b(B", "髙", id="IBM's additions"),
        pytest.param(b"\x1b(I1234\x1b(B", "ｱｲｳｴ", id="kana without any kanji"),
        pytest.param(b'\x1b$B$"\x1b(B \x0e1\x0f', "あ ｱ", id="kana between SO and SI"),
        pytest.param(b"\x0e123\x0f", "ｱｲｳ", id="kana between SO and SI alone"),
        pytest.param(b'\x1b$@$"\x1b(J\\\x1b(B\\', "あ¥\\", id="JIS C 6226 and JIS-Roman"),
        pytest.param(b'\x1b&@\x1b$B$"\x1b(B', "あ", id="JIS X 0208:1990"),
        pytest.param(b'\x1b$(B$"\x1b(B', "あ", id="ISO 2022's long designation"),
        pytest.param(b"\x1b$(D0!\x1b(B", "丂", id="JIS X 0212"),
        pytest.param(b"\x1b$(O-j-k\x1b(B", "㈱㈲", id="JIS X 0213"),
        pytest.param(b"\x1b$(Q.!\x1b(B", "俱", id="JIS X 0213:2004"),
        pytest.param(b"\x1b$B!A!]\x1b(B", "〜−", id="a wave stays JIS's own"),
        pytest.param(
            "お知らせ".encode("euc_jp") + b"\x8f\xf4\xfd\x8f\xf3\xf3", "お知らせ鶴ⅰ", id="eucJP-ms"
        ),
    ],
)
def test_each_set_of_characters_is_read(data: bytes, text: str) -> None:
    assert decode(data).text == text


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'a\nb\x1b$B$"\xe3\x81\x82', id="UTF-8 behind an escape"),
        pytest.param(b'a\nb\x1b$B$"$\x1b(B', id="half a pair"),
        pytest.param(b'a\nb\x1b$B$"\nabc', id="a line that ends in kanji"),
        pytest.param(b'a\nb\x1b$Z$"\x1b(B', id="an unknown set"),
        pytest.param(b"a\nb\x1b$B\x7d\x7d\x1b(B", id="a place without a character"),
        pytest.param(
            "お知らせ\n".encode("euc_jp") + b"\xff\xff", id="an octet of encoding is not recognised"
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(data: bytes) -> None:
    with pytest.raises(ContentError, match=r"encoding is not recognised") as failure:
        decode(data, source="old.txt")
    assert failure.value.place is not None
    assert failure.value.place.line == 2


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "utf-8"])
@pytest.mark.parametrize(
    "text",
    [
        "東京都千代田区霞が関",
        "氏名,住所\n山田花子,東京都千代田区",
        "ﾔﾏﾀﾞ ﾊﾅｺ",
        "㈱東京計器①",
        "髙橋一郎",
    ],
)
def test_an_encoding_is_recognised_from_a_few_words(text: str, encoding: str) -> None:
    octets = _cp51932(text) if encoding == "euc_jp" else text.encode(encoding)
    assert decode(octets).text == text


def test_a_list_is_read_by_line_with_what_vendors_added() -> None:
    text = "氏名,所属\n髙橋,㈱東京①\nﾔﾏﾀﾞ,ｱｲｳ\n"
    written = b"\n".join(_cp50221(line) for line in text.split("\n"))
    assert "".join(text_lines(io.BytesIO(written), source="list.csv")) == text + ""
