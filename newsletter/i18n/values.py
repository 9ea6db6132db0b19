"""Values of messages whose format depends on the language."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from newsletter.i18n import formats
from newsletter.i18n.language import Language, language_name


class Worded(ABC):
    """A value whose text depends on the language of the reader."""

    __slots__ = ()

    @abstractmethod
    def in_language(self, language: Language) -> str:
        """Return the text in a language."""


@dataclass(frozen=True, slots=True)
class Number(Worded):
    """A count or measure."""

    value: float

    def in_language(self, language: Language) -> str:
        """Return the number with thousands separators."""
        return formats.format_number(self.value, language)


@dataclass(frozen=True, slots=True)
class Size(Worded):
    """A size of data in octets."""

    octets: int

    def in_language(self, language: Language) -> str:
        """Return the size in a suitable unit."""
        return formats.format_size(self.octets, language)


@dataclass(frozen=True, slots=True)
class Percent(Worded):
    """A share in percent with a number of decimals."""

    value: float
    digits: int

    def in_language(self, language: Language) -> str:
        """Return the share with the percent sign."""
        return formats.format_percent(self.value, language, digits=self.digits)


@dataclass(frozen=True, slots=True)
class Sentences(Worded):
    """Whole sentences, one after another."""

    items: tuple[Worded, ...]

    def in_language(self, language: Language) -> str:
        """Return the sentences as running text, in Japanese without spaces between them."""
        space = "" if language is Language.JAPANESE else " "
        return space.join(each.in_language(language) for each in self.items)


@dataclass(frozen=True, slots=True)
class Listing(Worded):
    """Several names, joined by "and"."""

    items: tuple[str | Worded, ...]

    def in_language(self, language: Language) -> str:
        """Return the names as one list; a dash if there are none."""
        names = [
            item.in_language(language) if isinstance(item, Worded) else item for item in self.items
        ]
        return formats.format_list(names, language) or "–"


@dataclass(frozen=True, slots=True)
class LanguageName(Worded):
    """A language, by its BCP 47 tag."""

    tag: str

    def in_language(self, language: Language) -> str:
        """Return the name of the language; the tag if it has no name."""
        return language_name(self.tag, language) or self.tag


@dataclass(frozen=True, slots=True)
class Labelled(Worded):
    """A label in several languages, by tag.

    Attributes:
        name: The text to show without any label.
    """

    labels: tuple[tuple[str, str], ...]
    name: str

    def in_language(self, language: Language) -> str:
        """Return the label in the language, or else the first label."""
        labels = {tag: words for tag, words in self.labels if words}
        return labels.get(language.value) or next(iter(labels.values()), self.name)


@dataclass(frozen=True, slots=True)
class Alternatives(Worded):
    """Several names, joined by "or"."""

    items: tuple[str, ...]

    def in_language(self, language: Language) -> str:
        """Return the names as one list with "or"."""
        return formats.format_list(self.items, language, "or")


@dataclass(frozen=True, slots=True)
class Day(Worded):
    """A day of the calendar."""

    day: date

    def in_language(self, language: Language) -> str:
        """Return the day in full."""
        return formats.format_day(self.day, language)


@dataclass(frozen=True, slots=True)
class Weekday(Worded):
    """The weekday of a day."""

    day: date

    def in_language(self, language: Language) -> str:
        """Return the name of the weekday."""
        return formats.format_weekday(self.day, language)


@dataclass(frozen=True, slots=True)
class Moment(Worded):
    """A moment in a time zone."""

    moment: datetime
    zone: str = "UTC"

    def in_language(self, language: Language) -> str:
        """Return the day and the time to the minute."""
        return formats.format_moment(self.moment, language, ZoneInfo(self.zone))


@dataclass(frozen=True, slots=True)
class WallTime(Worded):
    """A day and time of day without time zone."""

    local: datetime

    def in_language(self, language: Language) -> str:
        """Return the day and the time to the minute."""
        return formats.format_wall_time(self.local, language)
