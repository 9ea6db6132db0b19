"""Decoding of Japanese text in its usual encodings, including the extensions of vendors.

The variants of Windows are CP932 (Shift_JIS), CP51932 and eucJP-ms (EUC-JP), and CP50220 to CP50222
(ISO-2022-JP). They have the extensions of NEC and IBM, such as ① and 髙, which the standards and
Python's codecs for EUC-JP and ISO-2022-JP lack.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg

_UTF_8, _ISO_2022, _SHIFT_JIS, _EUC = "utf-8", "iso2022_jp", "cp932", "euc_jp"
#: Sequences that only ISO-2022-JP has: a designation of a character set, or kana between SO and SI.
_DESIGNATED = re.compile(rb"\x1b(?:\$|\([IJ])|\x0e[\x21-\x5f]+\x0f")
_SWITCH = re.compile(rb"\x1b(?P<set>\$\(?[@BDOPQ]|\([BJHI])|(?P<out>\x0e)|(?P<in>\x0f)|\x1b&@")
_PAIRS = re.compile(rb"(?:[\x21-\x7e]{2})*")
_KANA = re.compile(rb"[\x20-\x5f\r\n]*")
_EUC_RUN = re.compile(
    rb"[\x00-\x7f]+|(?:\x8e[\xa1-\xdf])+|(?:[\xa1-\xfe]{2})+|(?:\x8f[\xa1-\xfe]{2})+"
)
#: Characters that the codec returns for unassigned octets: 0x80, 0xA0, 0xFD to 0xFF.
_UNASSIGNED = re.compile("[\x80\uf8f0-\uf8f3]")
#: IBM extensions that JIS X 0212 lacks, in eucJP-ms from row 83, cell 83 on.
_IBM = (
    "ⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ＇＂㈱№℡炻仼僴凬匇匤﨎咊坙﨏塚增寬峵嵓﨑德悅愠敎"
    "昻晥晴朗栁﨓﨔橫櫢淸淲瀨凞猪甁皂皞益礰礼神祥福竧靖精綠緖羽荢﨟薰蘒﨡蠇諸譿賴赶﨣﨤逸郞"
    "都鄕﨧﨨閒隆﨩霻靍靑飯飼館馞髙魲鶴黑"
)
_IBM_FIRST = 82 * 94 + 82
_HALF_KANA = range(0xFF61, 0xFFA0)
_HALF_KANA_ALONE = 0.51
_DAILY_KANJI = 0.5
_KANA_AND_SIGNS = range(0x3001, 0x30FF)
#: Rows of JIS X 0208 with common kanji.
_COMMON_ROWS = range(0xB0, 0xD0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """The decoded text and the recognised encoding."""

    text: str
    encoding: str


def decode(data: bytes, *, source: str = "input") -> Decoded:
    """Decode UTF-8, ISO-2022-JP, Shift_JIS or EUC-JP; also UTF-16 with a byte order mark.

    Raises:
        ContentError: No encoding fits; the place is the first wrong line in the likeliest one.
    """
    encodings: tuple[str, ...] = (_UTF_8, _SHIFT_JIS, _EUC)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ("utf-16",)
    elif data.startswith(b"\xef\xbb\xbf"):
        data, encodings = data[3:], (_UTF_8,)
    elif has_designations(data):
        # All octets are ASCII, so that UTF-8 would also accept them, with a wrong result.
        encodings = (_ISO_2022,)
    found: list[Decoded] = []
    reached = 0
    for encoding in encodings:
        try:
            text = decode_as(data, encoding)
        except UnicodeDecodeError as error:
            reached = max(reached, error.start)
            continue
        found.append(Decoded(text=text, encoding=encoding))
        if encoding == _UTF_8:
            break
    if not found:
        raise ContentError(
            msg("The text encoding is not recognised."),
            place=Place(source=source, line=data[:reached].count(b"\n") + 1),
            remedy=msg("Save it as UTF-8."),
        )
    return max(found, key=lambda decoded: _likelihood(decoded.text))


def has_designations(data: bytes) -> bool:
    """Return whether octets contain a switch to Japanese characters as in ISO-2022-JP."""
    return _DESIGNATED.search(data) is not None


def decode_as(data: bytes, encoding: str) -> str:
    """Decode octets in an encoding that `decode` has recognised.

    Raises:
        UnicodeDecodeError: The octets are invalid in this encoding.
    """
    match encoding:
        case "iso2022_jp":
            return "".join(_iso_2022_text(data))
        case "euc_jp":
            return "".join(_euc_text(data))
        case "cp932":
            return _shift_jis_text(data)
        case "cp1258":
            # This encoding has combining characters for the tones of Vietnamese.
            return unicodedata.normalize("NFC", data.decode(encoding))
        case _:
            return data.decode(encoding)


def _shift_jis_text(data: bytes) -> str:
    text = data.decode(_SHIFT_JIS)
    if unassigned := _UNASSIGNED.search(text):
        at = len(text[: unassigned.start()].encode(_SHIFT_JIS))
        raise UnicodeDecodeError(_SHIFT_JIS, data, at, at + 1, "no octet of Shift_JIS")
    return text


def _iso_2022_text(data: bytes) -> Iterator[str]:
    """Yield the text between escapes: RFC 1468, RFC 2237, JIS X 0213 and CP50220 to CP50222."""
    charset, shifted, at = b"(B", False, 0
    for switch in _SWITCH.finditer(data):
        yield _segment(data, at, switch.start(), b"(I" if shifted else charset)
        charset = (switch["set"] or charset).replace(b"$(@", b"$@").replace(b"$(B", b"$B")
        shifted = switch["out"] is not None or (shifted and switch["in"] is None)
        at = switch.end()
    yield _segment(data, at, len(data), b"(I" if shifted else charset)


def _segment(data: bytes, start: int, end: int, charset: bytes) -> str:  # noqa: PLR0911 - one a set
    octets = data[start:end]
    try:
        match charset:
            case b"$B" | b"$@":
                _require(_PAIRS, octets)
                return "".join(_pairs_text(bytes(octet | 0x80 for octet in octets)))
            case b"$(D":
                _require(_PAIRS, octets)
                return "".join(map(_jis_x_0212, _by_two(bytes(octet | 0x80 for octet in octets))))
            case b"$(O":
                return (b"\x1b$(O" + octets).decode("iso2022_jp_3")
            case b"$(P" | b"$(Q":
                return (b"\x1b" + charset + octets).decode("iso2022_jp_2004")
            case b"(I":
                _require(_KANA, octets)
                high = bytes(octet | 0x80 if octet > 0x20 else octet for octet in octets)  # noqa: PLR2004 - a space
                return high.decode(_SHIFT_JIS)
            case b"(J":
                return (b"\x1b(J" + octets).decode(_ISO_2022)
            case _:
                _require(re.compile(rb"[^\x1b]*"), octets)
                return octets.decode("ascii")
    except UnicodeDecodeError as error:
        place = start + min(error.start, len(octets))
        raise UnicodeDecodeError(_ISO_2022, data, place, place + 1, error.reason) from None


def _require(pattern: re.Pattern[bytes], octets: bytes) -> None:
    match = pattern.match(octets)
    end = match.end() if match else 0
    if end < len(octets):
        raise UnicodeDecodeError(_ISO_2022, octets, end, end + 1, "not in this character set")


def _euc_text(data: bytes) -> Iterator[str]:
    at = 0
    while at < len(data):
        run = _EUC_RUN.match(data, at)
        if run is None:
            raise UnicodeDecodeError(_EUC, data, at, at + 1, "no octet of EUC-JP")
        octets = run[0]
        try:
            if octets[0] == 0x8F:  # noqa: PLR2004 - single shift three
                yield "".join(_jis_x_0212(octets[i + 1 : i + 3]) for i in range(0, len(octets), 3))
            elif octets[0] > 0x8F:  # noqa: PLR2004 - as above
                yield from _pairs_text(octets)
            else:
                yield octets.decode(_EUC)
        except UnicodeDecodeError as error:
            raise UnicodeDecodeError(_EUC, data, at, run.end(), error.reason) from None
        at = run.end()


def _pairs_text(octets: bytes) -> Iterator[str]:
    """Yield the text of pairs of JIS X 0208 with octets above 0x80; extensions by CP932."""
    try:
        yield octets.decode(_EUC)
    except UnicodeDecodeError:
        for pair in _by_two(octets):
            yield _or_else(pair, _EUC, _vendor_pair)


def _by_two(octets: bytes) -> Iterator[bytes]:
    return (octets[at : at + 2] for at in range(0, len(octets), 2))


def _or_else(octets: bytes, encoding: str, otherwise: Callable[[bytes], str]) -> str:
    try:
        return octets.decode(encoding)
    except UnicodeDecodeError:
        return otherwise(octets)


def _vendor_pair(pair: bytes) -> str:
    """Return a character of the NEC or IBM rows by its position in CP932."""
    row, cell = pair[0] - 0xA0, pair[1] - 0xA0
    lead = (row - 1) // 2 + (0x81 if row <= 62 else 0xC1)  # noqa: PLR2004 - the split in Shift_JIS
    trail = cell + (0x9E if row % 2 == 0 else 0x3F + (cell > 63))  # noqa: PLR2004 - 0x7F is skipped
    return bytes((lead, trail)).decode(_SHIFT_JIS)


def _jis_x_0212(pair: bytes) -> str:
    return _or_else(b"\x8f" + pair, _EUC, _ibm_character)


def _ibm_character(octets: bytes) -> str:
    number = (octets[1] - 0xA1) * 94 + octets[2] - 0xA1 - _IBM_FIRST
    if not 0 <= number < len(_IBM):
        raise UnicodeDecodeError(_EUC, octets, 0, len(octets), "no such character")
    return _IBM[number]


def usual_japanese(data: bytes) -> str:
    """Return octets decoded as EUC-JP or Shift_JIS, if the text is of kana and common kanji.

    This is for text without a declared encoding, which may as well be in another language.
    Half-width kana are ignored, since accented letters of Latin-1 decode to them.

    Returns:
        The likelier of both texts; empty if neither is common Japanese.
    """
    readings: list[tuple[float, str]] = []
    for encoding in (_EUC, _SHIFT_JIS):
        try:
            text = decode_as(data, encoding)
        except UnicodeDecodeError:
            continue
        foreign = [char for char in text if not char.isascii()]
        wide = [char for char in foreign if ord(char) not in _HALF_KANA]
        if len(wide) * 2 > len(foreign) and (score := _likelihood("".join(wide))) >= _DAILY_KANJI:
            readings.append((score, text))
    return max(readings, default=(0.0, ""))[1]


def _likelihood(text: str) -> float:
    """Return the share of common Japanese characters in a text; wrong decodings have rare kanji.

    Half-width kana and common kanji count for half: EUC-JP in the wrong encoding yields such kana
    between rare kanji, and kana in the wrong encoding yield rare kanji among common ones.
    Full-width forms of ASCII are ignored, since Chinese and Korean have them, too.
    """
    foreign = [
        char for char in text if not char.isascii() and unicodedata.east_asian_width(char) != "F"
    ]
    if foreign and all(ord(char) in _HALF_KANA for char in foreign):
        return _HALF_KANA_ALONE
    return sum(map(_usual, foreign)) / len(foreign) if foreign else 1.0


def _usual(character: str) -> float:
    code = ord(character)
    if code in _KANA_AND_SIGNS:
        return 1.0
    if code in _HALF_KANA:
        return 0.5
    octets = character.encode(_EUC, "ignore")
    return (
        _DAILY_KANJI if len(octets) == len("甲".encode(_EUC)) and octets[0] in _COMMON_ROWS else 0.0
    )
