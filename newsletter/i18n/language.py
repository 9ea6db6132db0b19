"""The languages of templates, pages and issues, and the tags of all other languages (BCP 47)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from babel import Locale

#: The syntax of tags (RFC 5646, 2.1) without grandfathered tags, which do not occur in lists.
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3}|[a-z]{5,8})(?P<extended>(?:-[a-z]{3}){0,3})"
    r"(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|\d{3}))?"
    r"(?P<rest>(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*"
    r"(?:-x(?:-[a-z\d]{1,8})+)?)"
)
_LONGEST_TAG = 64
#: Codes of scripts have four letters (ISO 15924).
_SCRIPT_LENGTH = 4
#: Languages that are recognized by their own names, besides the English and Japanese names; each
#: needs the data of a locale.
_SPOKEN = (
    "ar bn cs da de el es fi fil fr he hi hu id it km ko lo mn my ne nl no pl pt ro ru si sv th tr "
    "uk ur vi zh"
)
#: Words that are often written instead of a language: countries, scripts.
_USUAL = {
    **dict.fromkeys(("jp", "日本", "和文", "邦文"), "ja"),
    **dict.fromkeys(("英文", "英"), "en"),
    **dict.fromkeys(("简体中文", "簡体字", "簡体中文"), "zh-Hans"),
    **dict.fromkeys(("繁體中文", "繁体字", "繁体中文"), "zh-Hant"),
    **dict.fromkeys(("やさしい日本語", "easy japanese", "plain japanese"), "ja-simple"),
}
#: The most common languages of foreign residents of Japan (Immigration Services Agency), and easy
#: Japanese.
SUGGESTED_LANGUAGES = (
    *("ja-simple", "en", "zh-Hans", "zh-Hant", "ko", "vi", "ne", "pt", "id", "fil", "my", "si"),
    *("es", "th", "bn", "hi", "ru", "uk", "fr", "de", "ja"),
)
#: Names that CLDR lacks. ``simple`` is a registered variant of any language (BCP 47).
_NAMES = {("ja-simple", "ja"): "やさしい日本語", ("ja-simple", "en"): "Easy Japanese"}


class Language(StrEnum):
    """A language of pages and mails, by its BCP 47 tag."""

    JAPANESE = "ja"
    ENGLISH = "en"
    #: Further members are the catalogues in this package.
    _ignore_ = "_tag"
    for _tag in sorted(path.stem for path in Path(__file__).parent.glob("*.po")):
        if _tag != JAPANESE:
            vars()[_tag.upper().replace("-", "_")] = _tag


#: "Territories" of CLDR whose time zones are offsets and abbreviations and not places.
_NOWHERE = frozenset({"001", "ZZ"})
_Fallback = TypeVar("_Fallback")


def nearest_language(tag: str, fallback: _Fallback) -> Language | _Fallback:
    """Return the language of mails and pages for a requested tag: ``en`` for ``en-US``.

    Browsers and forms can send any text, so only the length of the longest tag is read.
    """
    known = {language.value.lower(): language for language in Language}
    parts = tag[:_LONGEST_TAG].lower().split("-")
    tags = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((known[each] for each in tags if each in known), fallback)


def language_of_words(tag: str) -> Language:
    """Return the language of the fixed texts around content in a language: English for most."""
    return nearest_language(tag, Language.ENGLISH)


def language_for(tag: str, own: Language) -> Language:
    """Return the language of mails to a person who chose a tag, or nothing (empty): ``own``."""
    return language_of_words(tag) if tag else own


def tags_within(tag: str) -> tuple[str, ...]:
    """Return the prefixes of all tags that are forms of a language.

    These are the tag itself and tags with the same likely script: ``zh-Hant`` is written in Taiwan
    and Hong Kong, so it includes ``zh-TW`` and ``zh-HK``, though neither begins with it (CLDR,
    likely subtags).
    """
    language, _, script = tag.partition("-")
    if len(script) != _SCRIPT_LENGTH:
        return (tag,)
    from babel.core import get_global  # noqa: PLC0415 - commands that name no language do without it

    likely = get_global("likely_subtags")
    return (
        tag,
        *(
            short.replace("_", "-")
            for short, full in sorted(likely.items())
            if short.startswith(f"{language}_")
            and short.count("_") == 1
            and full.startswith(f"{language}_{script}_")
        ),
    )


@cache
def own_language_name(tag: str) -> str:
    """Return the name of a language in itself; the tag if the name is unknown.

    A form of a language without a name, such as a romanisation, is shown with the rest of its tag.
    """
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - as above

    primary, _, form = tag.partition("-")
    if known := _NAMES.get((tag.lower(), primary.lower())):
        return known
    try:
        name = Locale.parse(tag, sep="-").get_display_name() or tag
        general = Locale.parse(primary).get_display_name()
    except (UnknownLocaleError, ValueError):
        return tag
    return f"{name} ({form})" if form and name == general else name


def offered_languages(first: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the languages for a list of choices: the given ones, the usual ones, then others."""
    usual = dict.fromkeys((*first, *SUGGESTED_LANGUAGES))
    others = (each for each in _SPOKEN.split() if each not in {*usual, "zh"})
    return (*usual, *sorted(others, key=own_language_name))


def closest_language(tag: str, offered: Sequence[str]) -> str:
    """Return the longest offered tag that equals a tag or is more general; empty if there is none.

    This is the lookup of RFC 4647 (3.4).
    """
    fitting = [each for each in offered if is_form_of(tag, each)]
    return next((each for each in fitting if not closer_tags(each, fitting)), "")


def is_form_of(tag: str, general: str) -> bool:
    """Return whether a tag equals another or is more specific: ``zh-TW`` for ``zh-Hant``."""
    folded = tag.lower()
    forms = (form.lower() for form in tags_within(general))
    return any(folded == form or folded.startswith(f"{form}-") for form in forms)


def closer_tags(tag: str, others: Iterable[str]) -> list[str]:
    """Return the other tags that are more specific than one; their readers get those instead."""
    return sorted(
        {each for each in others if each.lower() != tag.lower() and is_form_of(each, tag)}
    )


@cache
def _names_by(speaker: Language) -> Locale:
    """Return the locale with a language's names of languages and places; English as fallback."""
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - as above

    try:
        return Locale.parse(speaker.value, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(Language.ENGLISH.value)


def language_name(tag: str, speaker: Language) -> str:
    """Return the name of a language in another language; empty if it has none."""
    if known := _NAMES.get((tag.lower(), speaker.value)):
        return known
    names = _names_by(speaker).languages
    primary, _, region = tag.partition("-")
    exact: str = names.get(tag.replace("-", "_"), "")
    if exact or primary not in names:
        return exact
    return f"{names[primary]} ({region})" if region else names[primary]


@cache
def time_zone_name(zone: str, speaker: Language) -> str:
    """Return the name of a time zone, such as ``日本時間``; the IANA name if there is no other."""
    # Babel is slow to import, so only commands that need it do so.
    from babel.dates import get_timezone_location  # noqa: PLC0415 - as above

    place = "/" in zone and not zone.startswith("Etc/")
    return get_timezone_location(zone, locale=_names_by(speaker)) if place else zone


#: The time zone of most speakers of a language, if there is a single one.
_ZONES_OF_SPEAKERS = {"ja": "Asia/Tokyo"}


def usual_time_zone(language: Language, told: str = "") -> str:
    """Return the zone reported by a browser, if people live in it, or else the usual zone.

    The usual zone is that of most speakers of the language, or else that of this computer.
    Computers are often set to UTC, in which nobody lives.
    """
    from babel.localtime import get_localzone  # noqa: PLC0415 - as above

    if "/" in told and not told.startswith("Etc/") and told in available_timezones():
        return told
    own = str(getattr(get_localzone(), "key", "UTC"))
    return _ZONES_OF_SPEAKERS.get(language.value, own)


@cache
def time_zone_names(speaker: Language) -> tuple[tuple[str, str], ...]:
    """Return the time zones that people live in, by IANA name, with their names in a language.

    The zone of most speakers of the language comes first; the others are sorted from west to east,
    and by name within an offset. Each name ends with the offset of the zone's standard time.
    """
    from babel.core import get_global  # noqa: PLC0415 - as above
    from babel.dates import get_timezone_location  # noqa: PLC0415 - as above

    inhabited = {
        zone
        for territory, zones in get_global("territory_zones").items()
        if territory not in _NOWHERE
        for zone in zones
    }
    named = [
        (
            zone != _ZONES_OF_SPEAKERS.get(speaker.value),
            ahead := _standard_offset(zone),
            f"{get_timezone_location(zone, locale=_names_by(speaker))} ({_offset_words(ahead)})",
            zone,
        )
        for zone in inhabited & available_timezones()
    ]
    return tuple((zone, words) for _, _, words, zone in sorted(named))


@cache
def _standard_offset(zone: str) -> timedelta:
    """Return the offset of a zone's standard time from UTC, without daylight saving time."""
    year = datetime.now(UTC).year
    days = (datetime(year, month, 1, tzinfo=ZoneInfo(zone)) for month in (1, 7))
    return min(day.utcoffset() or timedelta() for day in days)


def _offset_words(ahead: timedelta) -> str:
    minutes = int(ahead.total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"


def read_language(text: str) -> str:
    """Return the BCP 47 tag of a text that is a tag or a name (``en_US``, ``日本語``), or empty."""
    folded = text.strip().lower()
    if not folded:
        return ""
    if tag := _USUAL.get(folded) or _as_tag(folded) or _named(folded):
        return tag
    # As a form that has no name of its own is written: ``ポルトガル語 (BR)``.
    name, _, form = folded.removesuffix(")").rpartition(" (")
    language = _named(name)
    return _as_tag(f"{language}-{form}") if language else ""


def _named(folded: str) -> str:
    return _names().get(folded) or _own_names().get(folded, "")


def _as_tag(folded: str) -> str:
    written = folded.partition(".")[0].replace("_", "-")
    match = _TAG.fullmatch(written) if len(written) <= _LONGEST_TAG else None
    if match is None or folded in _names():
        return ""
    from babel.core import get_global  # noqa: PLC0415 - as above

    language = get_global("language_aliases").get(match["language"], match["language"])
    if len(language) > 3 and "-" not in language:  # noqa: PLR2004 - a word, not a code
        return ""
    script = f"-{match['script'].title()}" if match["script"] else ""
    region = f"-{match['region'].upper()}" if match["region"] else ""
    return f"{language.replace('_', '-')}{match['extended']}{script}{region}{match['rest']}"


@cache
def _names() -> dict[str, str]:
    """Return the tags of languages by their names in each language of the pages.

    Therefore exported lists can be imported again. If the same name means different languages,
    English and Japanese names take precedence.
    """
    names: dict[str, str] = {}
    usual = (Language.ENGLISH, Language.JAPANESE)
    for speaker in (*usual, *(each for each in Language if each not in usual)):
        for tag, name in _names_by(speaker).languages.items():
            names.setdefault(name.lower(), tag.replace("_", "-"))
    return names


@cache
def _own_names() -> dict[str, str]:
    """Return the tags of languages by their names in themselves."""
    from babel import Locale  # noqa: PLC0415 - as above

    names: dict[str, str] = {}
    for tag in _SPOKEN.split():
        name = Locale.parse(tag).get_language_name()
        if name:
            names.setdefault(name.lower(), tag)
    return names
