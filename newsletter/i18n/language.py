"""The languages that templates, pages and issues speak, and the tags of all others (BCP 47)."""

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

#: RFC 5646, 2.1, without the grandfathered tags, which nobody writes in lists.
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3}|[a-z]{5,8})(?P<extended>(?:-[a-z]{3}){0,3})"
    r"(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|\d{3}))?"
    r"(?P<rest>(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*"
    r"(?:-x(?:-[a-z\d]{1,8})+)?)"
)
_LONGEST_TAG = 64
#: ISO 15924 names scripts by four letters.
_SCRIPT_LENGTH = 4
#: Languages whose own names are known, besides their names in English and Japanese: each costs
#: the data of a locale.
_SPOKEN = (
    "ar bn cs da de el es fi fil fr he hi hu id it km ko lo mn my ne nl no pl pt ro ru si sv th tr "
    "uk ur vi zh"
)
#: What is often written for a language and is no name of it: countries, scripts.
_USUAL = {
    **dict.fromkeys(("jp", "日本", "和文", "邦文"), "ja"),
    **dict.fromkeys(("英文", "英"), "en"),
    **dict.fromkeys(("简体中文", "簡体字", "簡体中文"), "zh-Hans"),
    **dict.fromkeys(("繁體中文", "繁体字", "繁体中文"), "zh-Hant"),
    **dict.fromkeys(("やさしい日本語", "easy japanese", "plain japanese"), "ja-simple"),
}
#: What the foreign residents of Japan read most (Immigration Services Agency), and plain Japanese.
SUGGESTED_LANGUAGES = (
    *("ja-simple", "en", "zh-Hans", "zh-Hant", "ko", "vi", "ne", "pt", "id", "fil", "my", "si"),
    *("es", "th", "bn", "hi", "ru", "uk", "fr", "de", "ja"),
)
#: What CLDR has no name for. ``simple`` is a registered variant of any language (BCP 47).
_NAMES = {("ja-simple", "ja"): "やさしい日本語", ("ja-simple", "en"): "Easy Japanese"}


class Language(StrEnum):
    """A language that pages and mails speak, by its BCP 47 tag."""

    JAPANESE = "ja"
    ENGLISH = "en"
    #: And whatever else has a catalogue beside this module.
    _ignore_ = "_tag"
    for _tag in sorted(path.stem for path in Path(__file__).parent.glob("*.po")):
        if _tag != JAPANESE:
            vars()[_tag.upper().replace("-", "_")] = _tag


#: "Territories" of CLDR whose zones nobody lives in: offsets and abbreviations.
_NOWHERE = frozenset({"001", "ZZ"})
_Fallback = TypeVar("_Fallback")


def nearest_language(tag: str, fallback: _Fallback) -> Language | _Fallback:
    """Return what somebody is written to who asked for ``tag``: ``en`` for ``en-US``.

    Browsers and forms may ask for anything: of what is longer than any tag, the rest says nothing.
    """
    known = {language.value.lower(): language for language in Language}
    parts = tag[:_LONGEST_TAG].lower().split("-")
    tags = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((known[each] for each in tags if each in known), fallback)


def language_of_words(tag: str) -> Language:
    """Return the language of the fixed words around content in another: English for most."""
    return nearest_language(tag, Language.ENGLISH)


def language_for(tag: str, own: Language) -> Language:
    """Return what somebody is written to who chose a language, or none (empty): ``own``."""
    return language_of_words(tag) if tag else own


def tags_within(tag: str) -> tuple[str, ...]:
    """Return the tags of which each other form is one of a language: its own, and whose script is.

    ``zh-Hant`` is what is written in Taiwan and Hong Kong, so ``zh-TW`` and ``zh-HK`` are within
    it, though neither begins with it (CLDR, likely subtags).
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
    """Return what a language is called by those who speak it; its tag where that is not known.

    A form of a language that has no name, as a romanisation, is told apart by the rest of its tag.
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
    """Return the languages that a list of them has: those given, the usual ones, then others."""
    usual = dict.fromkeys((*first, *SUGGESTED_LANGUAGES))
    others = (each for each in _SPOKEN.split() if each not in {*usual, "zh"})
    return (*usual, *sorted(others, key=own_language_name))


def closest_language(tag: str, offered: Sequence[str]) -> str:
    """Return the longest of tags that is a language or a more general form of it; empty for none.

    This is the lookup of RFC 4647 (3.4).
    """
    fitting = [each for each in offered if is_form_of(tag, each)]
    return next((each for each in fitting if not closer_tags(each, fitting)), "")


def is_form_of(tag: str, general: str) -> bool:
    """Whether a tag is a language or a more exact form of it: ``zh-TW`` of ``zh-Hant``."""
    folded = tag.lower()
    forms = (form.lower() for form in tags_within(general))
    return any(folded == form or folded.startswith(f"{form}-") for form in forms)


def closer_tags(tag: str, others: Iterable[str]) -> list[str]:
    """Return which of other tags are more exact forms of one; who reads these gets these."""
    return sorted(
        {each for each in others if each.lower() != tag.lower() and is_form_of(each, tag)}
    )


@cache
def _names_by(speaker: Language) -> Locale:
    """Return what a language calls others and places; English for a tag that CLDR lacks."""
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - as above

    try:
        return Locale.parse(speaker.value, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(Language.ENGLISH.value)


def language_name(tag: str, speaker: Language) -> str:
    """Return what a language is called in another; empty for one without a name there."""
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
    """Return what a zone is called, such as ``日本時間``; its IANA name where it has no other."""
    # Babel takes long to load, which a command that names no zone is spared.
    from babel.dates import get_timezone_location  # noqa: PLC0415 - as above

    place = "/" in zone and not zone.startswith("Etc/")
    return get_timezone_location(zone, locale=_names_by(speaker)) if place else zone


#: The time zone in which most live who speak a language, where that is one.
_ZONES_OF_SPEAKERS = {"ja": "Asia/Tokyo"}


def usual_time_zone(language: Language, told: str = "") -> str:
    """Return the zone that a browser told of, if people live by it, or that is usual.

    It is that of most who speak the language, else this computer's. Computers often keep UTC, by
    which nobody lives.
    """
    from babel.localtime import get_localzone  # noqa: PLC0415 - as above

    if "/" in told and not told.startswith("Etc/") and told in available_timezones():
        return told
    own = str(getattr(get_localzone(), "key", "UTC"))
    return _ZONES_OF_SPEAKERS.get(language.value, own)


def time_zone_names(speaker: Language) -> tuple[tuple[str, str], ...]:
    """Return the time zones that people live in, by IANA name, with their names in a language.

    First that of most who speak the language, then from west to east, of one offset by name. Names
    end with how far the clock is ahead in winter or summer, whichever is the standard time there.
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
    """Return how far a zone's clock is ahead of UTC while no summer time is kept."""
    year = datetime.now(UTC).year
    days = (datetime(year, month, 1, tzinfo=ZoneInfo(zone)) for month in (1, 7))
    return min(day.utcoffset() or timedelta() for day in days)


def _offset_words(ahead: timedelta) -> str:
    minutes = int(ahead.total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"


def read_language(text: str) -> str:
    """Return the BCP 47 tag that a text is or names (``en_US``, ``日本語``); empty for none."""
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
    """Return the tags of languages by their names in each language that pages speak.

    So lists that people download read back. English and Japanese count where others differ.
    """
    names: dict[str, str] = {}
    usual = (Language.ENGLISH, Language.JAPANESE)
    for speaker in (*usual, *(each for each in Language if each not in usual)):
        for tag, name in _names_by(speaker).languages.items():
            names.setdefault(name.lower(), tag.replace("_", "-"))
    return names


@cache
def _own_names() -> dict[str, str]:
    """Return the tags of languages by what their speakers call them."""
    from babel import Locale  # noqa: PLC0415 - as above

    names: dict[str, str] = {}
    for tag in _SPOKEN.split():
        name = Locale.parse(tag).get_language_name()
        if name:
            names.setdefault(name.lower(), tag)
    return names
