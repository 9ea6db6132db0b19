"""Encodings of lists: recognition, or choice by the user.

Non-ASCII octets are ambiguous: that of "è" is "č" in another encoding, or half of a kanji.
Therefore all common encodings are tried strictly, and those remain whose letters form words. UTF-8
and Japanese encodings take precedence; of the others, the most likely one is used. If another one
is almost as likely and yields different letters, the user is asked.
"""

from __future__ import annotations

import re
import unicodedata
from codecs import lookup
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from operator import attrgetter

from newsletter.errors import ContentError, ListError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing
from newsletter.issues.sources.encodings import decode, decode_as, usual_japanese
from subscribers.lists.words.formats import guess_field
from subscribers.lists.words.harmless import is_harmless

#: Python's names of the encodings that can be chosen, with labels.
ENCODINGS = {
    "utf-8": "UTF-8",
    "cp932": "Shift_JIS (CP932)",
    "euc_jp": "EUC-JP",
    "iso2022_jp": "ISO-2022-JP",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "cp1252": "Windows-1252",
    "iso8859-15": "ISO-8859-15",
    "cp1250": "Windows-1250",
    "iso8859-2": "ISO-8859-2",
    "cp1251": "Windows-1251",
    "koi8-u": "KOI8-R",
    "iso8859-5": "ISO-8859-5",
    "mac_cyrillic": "Mac Cyrillic",
    "cp1253": "Windows-1253",
    "iso8859-7": "ISO-8859-7",
    "cp1254": "Windows-1254",
    "cp1257": "Windows-1257",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "iso8859-6": "ISO-8859-6",
    "cp1258": "Windows-1258",
    "cp874": "Windows-874",
    "mac_roman": "Mac Roman",
    "cp850": "CP850",
    "cp852": "CP852",
    "cp866": "CP866",
    "gb18030": "GB18030",
    "big5hkscs": "Big5",
    "cp949": "EUC-KR (CP949)",
}
#: Byte order marks by encoding.
BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
#: Encodings that are used for another one with fewer characters.
_WIDER = {
    "iso8859-1": "cp1252",
    "latin_1": "cp1252",
    "ascii": "cp1252",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "euc_kr": "cp949",
    "koi8-r": "koi8-u",
    "iso8859-9": "cp1254",
    "iso8859-8": "cp1255",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "utf-8-sig": "utf-8",
    "utf-16": "utf-16-le",
}
#: Encodings that are tried if a list is neither UTF-8 nor clearly Japanese, by ranked name.
_RANKED = {
    "Windows-1252": "cp1252",
    "iso8859-15": "iso8859-15",
    "Windows-1250": "cp1250",
    "ISO-8859-2": "iso8859-2",
    "Windows-1251": "cp1251",
    "koi8-u": "koi8-u",
    "ISO-8859-5": "iso8859-5",
    "MacCyrillic": "mac_cyrillic",
    "Windows-1253": "cp1253",
    "ISO-8859-7": "iso8859-7",
    "Windows-1254": "cp1254",
    "Windows-1257": "cp1257",
    "Windows-1255": "cp1255",
    "Windows-1256": "cp1256",
    "ISO-8859-6": "iso8859-6",
    "cp1258": "cp1258",
    "CP874": "cp874",
    "MacRoman": "mac_roman",
    "cp850": "cp850",
    "cp852": "cp852",
    "IBM866": "cp866",
    "GB18030": "gb18030",
    "Big5": "big5hkscs",
    "CP949": "cp949",
    "CP932": "cp932",
    "EUC-JP": "euc_jp",
}
#: Encodings that have not been in use for long.
_RARE = frozenset({"mac_roman", "mac_cyrillic", "cp850", "cp852", "cp866"})
#: Non-ASCII letters of languages: Polish, Czech, Slovak, Hungarian, Croatian, Slovene, Romanian,
#: German; Turkish; Lithuanian, Latvian, Estonian.
_CENTRAL = (
    *("ąćęłńóśźżäöüé", "áčďéěíňóřšťúůýžäöü", "áäčďéíĺľňóôŕšťúýžöü", "áéíóöőúüű", "čćđšžäöü"),
    *("ăâîşţéöü", "äöüßé"),
)
#: Letters of Russian, Ukrainian, both together, Belarusian, Bulgarian, Serbian, Macedonian.
_RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_CYRILLIC = (
    *(_RUSSIAN, "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", f"{_RUSSIAN}ґєії"),
    *("абвгдеёжзійклмнопрстуўфхцчшыьэюя", "абвгдежзийклмнопрстуфхцчшщъьюя"),
    *("абвгдђежзијклљмнњопрстћуфхцчџш", "абвгдѓежзѕијклљмнњопрстќуфхцчџш"),
)
_ALPHABETS = {
    **dict.fromkeys(("cp1251", "koi8-u", "iso8859-5", "mac_cyrillic", "cp866"), _CYRILLIC),
    **dict.fromkeys(("cp1250", "iso8859-2", "cp852"), _CENTRAL),
    "cp1254": ("çğıi̇öşüâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),
}
#: Likelihood relative to the likeliest encoding from which on another one may be right.
_NEARLY = 0.8
#: Octets that are ranked, words that are examined, words that are shown, and rival encodings.
_RANKED_OCTETS, _WORDS, _SHOWN, _RIVALS = 20_000, 2_000, 3, 3
#: A word with its neighbours, a cell, and the octets of a non-ASCII word without an adjacent
#: address, which would count as English.
_WORD = re.compile(r"(?:[^\W\d_]|[^\x00-\x7f\s])+")
_CELL = re.compile(r"[^,;\t\r\"]+")
_FOREIGN = re.compile(rb"(?<![A-Za-z])[A-Za-z]*+[\x80-\xff][A-Za-z\x80-\xff@-~]*")
#: Scripts that are not mixed within a word, by the beginning of their letters' Unicode names.
_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "THAI"})
#: Half-width kana next to kanji or Latin letters in a word, or in an impossible order, with small
#: kana and voicing marks at wrong places. At most one word in three contains such kana.
_HALF_KANA_BESIDE = re.compile(
    "[｡-ﾟ][A-Za-z㐀-鿿]|[A-Za-z㐀-鿿][｡-ﾟ]|(?<![ｷｼﾁﾆﾋﾐﾘﾞﾟﾃﾌ])[ｬ-ｮ]|(?<![ｲｳｸｼﾁﾂﾃﾄﾌﾞ])[ｧ-ｫ]"
    "|(?<![ｳｶ-ﾄﾊ-ﾎ])ﾞ|(?<![ﾊ-ﾎ])ﾟ"
)
_MOST_BESIDE = 3
#: Characters within words that are not letters.
_WITHIN = frozenset("’‘´·‐–—ºª°")
#: Unicode categories of controls and of unassigned characters.
_NOT_WRITTEN = frozenset({"Cc", "Co", "Cn"})
#: Characters of which one may be odd, and letters of which one may be in no alphabet.
_MOST_ODD, _MOST_FOREIGN = 20, 100
_HALF_KANA_RUN = re.compile("[｡-ﾟ]{3,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ListEncoding:
    """The encoding of a list.

    Attributes:
        encoding: Python's name of the encoding.
        words: The first words that show whether the encoding is right; empty for UTF-8 and
            Japanese encodings.
    """

    encoding: str
    words: tuple[str, ...] = ()

    @property
    def described(self) -> Message:
        """The label of the encoding, with the words."""
        name = ENCODINGS.get(self.encoding, self.encoding)
        if not self.words:
            return msg("{encoding}", encoding=name)
        return msg("{encoding} ({words})", encoding=name, words=Listing(self.words))


def require_encoding(name: str) -> str:
    """Return Python's name of an encoding, given by any of its names.

    Raises:
        ListError: The encoding is not supported.
    """
    with suppress(LookupError):
        for encoding in ENCODINGS:
            if lookup(encoding).name == lookup(_WIDER.get(lookup(name).name, name)).name:
                return encoding
    raise ListError(
        msg("“{encoding}” is no encoding that lists are read in.", encoding=name),
        place=Place(source="--encoding"),
        remedy=msg("Use one of {names}.", names=Listing(tuple(ENCODINGS))),
    )


def not_in(encoding: str) -> Message:
    """Return the message about a line that is invalid in the encoding of the previous lines."""
    return msg(
        "This line is not in {encoding}, unlike the lines before.",
        encoding=ENCODINGS.get(encoding, encoding),
    )


def mixed_encodings(encoding: str, *, source: str, line: int) -> ListError:
    """Return the error about a line in another encoding than that of the previous lines."""
    return ListError(
        not_in(encoding),
        place=Place(source=source, line=line),
        remedy=msg("The list mixes encodings; save it as UTF-8 from one program."),
    )


def guess_wide(start: bytes) -> str:
    """Return the variant of UTF-16 without byte order mark; empty for other encodings.

    In UTF-16, every second octet of commas, digits and addresses is NUL, which no other text has.
    """
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) * 10 < len(start):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def recognise(octets: bytes, *, source: str, line: int) -> ListEncoding:
    """Return the encoding of whole lines, the first of which has non-ASCII octets.

    Args:
        octets: The lines.
        source: The name of the list in errors.
        line: The number of the first line.

    Raises:
        ListError: No encoding fits, or several that yield different letters.
    """
    if japanese := _japanese(octets):
        return ListEncoding(encoding=japanese)
    readings = _readings(octets)
    if not readings:
        raise ListError(
            msg("The encoding of the list is not recognised, or it mixes several."),
            place=Place(source=source, line=line),
            remedy=msg("Choose the encoding, or save it as UTF-8."),
            command=msg("Choose it with --encoding."),
        )
    likeliest, *others = readings
    # Windows-1252 and ISO-8859-15 often yield the same letters; the more common one is returned.
    alike = [one for one in readings if one.words == likeliest.words]
    best = min(alike, key=lambda one: [*_RANKED.values()].index(one.encoding))
    rivals = {
        other.words: other
        for other in reversed(others)
        if other.words != best.words and other.rivals(likeliest)
    }
    if not rivals:
        return best.shown_beside(())
    unclear = [best, *list(reversed(rivals.values()))[:_RIVALS]]
    unclear.sort(key=lambda one: not one.is_japanese)
    raise ListError(
        msg(
            "It is unclear in which encoding the list is: {encodings}.",
            encodings=Listing(tuple(one.shown_beside(unclear).described for one in unclear)),
        ),
        place=Place(source=source, line=line),
        remedy=msg("Choose the one whose letters are right, or save the list as UTF-8."),
        command=msg("Choose it with --encoding {encoding}.", encoding=unclear[0].encoding),
    )


def _japanese(octets: bytes) -> str:
    """Return UTF-8, or a Japanese encoding in which the octets are clearly Japanese."""
    try:
        found = decode(octets)
    except ContentError:
        return ""
    if found.encoding in {"utf-8", "iso2022_jp"}:
        return found.encoding
    kana = sum(map(len, _HALF_KANA_RUN.findall(found.text)))
    foreign = sum(not char.isascii() for char in found.text)
    is_usual = usual_japanese(octets) == found.text or kana * 2 > foreign
    # In EUC, the octets of kanji are also valid Chinese and Korean.
    words = _words_of(found.text)
    if found.encoding == "cp932":
        # Octets of Big5 and Thai decode to single kana between kanji and letters.
        mixed = sum(_HALF_KANA_BESIDE.search(word) is not None for word in words)
        is_sure = mixed * _MOST_BESIDE <= len(words)
    else:
        is_sure = any("ぁ" <= char <= "ヺ" for char in found.text)
    return found.encoding if is_usual and is_sure and _make_words(words) else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reading:
    """The text of octets in a possible encoding in which they form words."""

    encoding: str
    words: tuple[str, ...]
    likelihood: float
    #: The number of known column names, which do not occur in a wrong encoding.
    known: int
    is_japanese: bool

    @property
    def rank(self) -> tuple[int, float]:
        """The sort key, which is greatest for the likeliest encoding."""
        return self.known, self.likelihood

    def rivals(self, best: _Reading) -> bool:
        """Return whether this encoding may be right although another one is likelier."""
        near = self.likelihood >= best.likelihood * _NEARLY or self.is_japanese
        return self.known == best.known and near

    def shown_beside(self, others: Iterable[_Reading]) -> ListEncoding:
        """Return the encoding with the first words that differ in others, or the first of all."""
        read = [other.words for other in others if other.words != self.words]
        differing = (
            word
            for at, word in enumerate(self.words)
            if not read or any(words[at : at + 1] != (word,) for words in read)
        )
        shown = tuple(islice(dict.fromkeys(differing), _SHOWN))
        return ListEncoding(encoding=self.encoding, words=shown)


def _readings(octets: bytes) -> list[_Reading]:
    """Return the possible encodings in which octets form words, the likeliest first."""
    # Loading its tables takes 0.2 s, and most lists do not need them.
    import chardet  # noqa: PLC0415

    whole = octets[:_RANKED_OCTETS]
    foreign = b" ".join(_FOREIGN.findall(whole))
    likelihoods: dict[str, float] = dict.fromkeys(_RANKED.values(), 1.0)
    for sample in (whole, foreign):
        ranks = chardet.detect_all(sample, ignore_threshold=True, include_encodings=[*_RANKED])
        found = {str(rank["encoding"]): float(rank["confidence"]) for rank in ranks}
        for name, encoding in _RANKED.items():
            likelihoods[encoding] *= found.get(name, 0.0)
    japanese = usual_japanese(octets)
    readings: list[_Reading] = []
    for encoding, likelihood in likelihoods.items():
        try:
            text = decode_as(octets, encoding)
        except UnicodeDecodeError:
            continue
        words = _words_of(text)
        if not (_make_words(words) and _are_of_one_language(words, encoding)):
            continue
        first = [*_foreign(_CELL, text.partition("\n")[0])]
        reading = _Reading(
            encoding=encoding,
            words=tuple(words),
            likelihood=likelihood / (2 if encoding in _RARE else 1),
            known=sum(bool(guess_field(name)) or is_harmless(name) for name in first),
            is_japanese=text == japanese,
        )
        if likelihood or reading.is_japanese:
            readings.append(reading)
    return sorted(readings, key=attrgetter("rank"), reverse=True)


def _words_of(text: str) -> list[str]:
    """Return the first words with non-ASCII characters."""
    return [*islice(_foreign(_WORD, text), _WORDS)]


def _foreign(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """Yield the non-ASCII matches of a pattern."""
    return (found[0] for found in pattern.finditer(text) if not found[0].isascii())


def _make_words(words: Iterable[str]) -> bool:
    """Return whether almost all non-ASCII characters are at plausible positions in words.

    In a wrong encoding there are controls, signs, capitals and other scripts within words.
    """
    odd = foreign = 0
    for word in words:
        for at, char in enumerate(word):
            if char.isascii() or unicodedata.east_asian_width(char) == "F":
                continue
            if unicodedata.category(char) in _NOT_WRITTEN or char == "¤":
                return False
            foreign += 1
            odd += _is_odd(char, before=word[at - 1 : at], after=word[at + 1 : at + 2])
    return odd * _MOST_ODD <= foreign


def _are_of_one_language(words: Iterable[str], encoding: str) -> bool:
    """Return whether almost all non-ASCII letters belong to one alphabet of the encoding.

    Western European encodings are exempt, since their lists contain names in many languages.
    """
    alphabets = _ALPHABETS.get(encoding)
    letters = Counter(char for word in words for char in word.lower() if char.isalpha())
    foreign = {char: count for char, count in letters.items() if not char.isascii()}
    most = sum(foreign.values()) / _MOST_FOREIGN
    return not alphabets or any(
        sum(count for char, count in foreign.items() if char not in alphabet) <= most
        for alphabet in alphabets
    )


@lru_cache(maxsize=2048)
def _script(char: str) -> str:
    """Return the script of a letter, of those that are not mixed within a word."""
    name = unicodedata.name(char, "").partition(" ")[0] if char.isalpha() else ""
    return name if name in _SCRIPTS else ""


def _is_wide(char: str) -> bool:
    return char != "" and unicodedata.east_asian_width(char) == "W"


def _is_odd(char: str, *, before: str, after: str) -> bool:
    """Return whether a character is implausible between its neighbours, if any."""
    category = unicodedata.category(char)
    if (script := _script(char)) and any(
        _script(one) not in {"", script} for one in before + after
    ):
        return True
    latin = [one.isascii() and one.isalpha() for one in (before, after)]
    if category[0] not in "LM":
        # In Japanese lists, signs precede headings: "◆担当者".
        is_sign = (category[0] == "S" or category == "No") and not _is_wide(after)
        return after.isalpha() and (before.isalpha() or is_sign) and char not in _WITHIN
    if category == "Lo":
        return all(latin) and char not in _WITHIN
    if script != "LATIN" and any(latin):
        return True
    is_capital_within = before.islower() and char.isupper() and not after.isupper()
    return is_capital_within or (char.islower() and after.isupper())
