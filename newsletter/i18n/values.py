"""Values of messages that each language writes in its own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from newsletter.i18n import formats
from newsletter.i18n.language import Language, language_name


class Worded(ABC):
    """What is written when the language of its reader is known."""

    __slots__ = ()

    @abstractmethod
    def in_language(self, language: Language) -> str:
        """Return this as a reader of the language gets it."""


@dataclass(frozen=True, slots=True)
class Number(Worded):
    """A count or measure."""

    value: float

    def in_language(self, language: Language) -> str:
        """Return it with its thousands apart."""
        return formats.format_number(self.value, language)


@dataclass(frozen=True, slots=True)
class Size(Worded):
    """A size of data in octets."""

    octets: int

    def in_language(self, language: Language) -> str:
        """Return it in the unit that fits."""
        return formats.format_size(self.octets, language)


@dataclass(frozen=True, slots=True)
class Percent(Worded):
    """A share in percent, with so many digits after the point."""

    value: float
    digits: int

    def in_language(self, language: Language) -> str:
        """Return it with the sign, as the language writes it."""
        return formats.format_percent(self.value, language, digits=self.digits)


@dataclass(frozen=True, slots=True)
class Sentences(Worded):
    """Whole sentences, one after another."""

    items: tuple[Worded, ...]

    def in_language(self, language: Language) -> str:
        """Return them as running text: Japanese puts no space between sentences."""
        space = "" if language is Language.JAPANESE else " "
        return space.join(each.in_language(language) for each in self.items)


@dataclass(frozen=True, slots=True)
class Listing(Worded):
    """Several names, all of which are meant."""

    items: tuple[str | Worded, ...]

    def in_language(self, language: Language) -> str:
        """Return them as one list; a dash when there are none."""
        names = [
            item.in_language(language) if isinstance(item, Worded) else item for item in self.items
        ]
        return formats.format_list(names, language) or "–"


@dataclass(frozen=True, slots=True)
class LanguageName(Worded):
    """A language, by its BCP 47 tag."""

    tag: str

    def in_language(self, language: Language) -> str:
        """Return what it is called there; the tag itself where it has no name."""
        return language_name(self.tag, language) or self.tag


@dataclass(frozen=True, slots=True)
class Labelled(Worded):
    """What its owners call something in several languages, by tag.

    Attributes:
        name: What it is called where it has no words at all.
    """

    labels: tuple[tuple[str, str], ...]
    name: str

    def in_language(self, language: Language) -> str:
        """Return the words in the language, or else the first there are."""
        labels = {tag: words for tag, words in self.labels if words}
        return labels.get(language.value) or next(iter(labels.values()), self.name)


@dataclass(frozen=True, slots=True)
class Alternatives(Worded):
    """Several names, one of which is meant."""

    items: tuple[str, ...]

    def in_language(self, language: Language) -> str:
        """Return them with the language's word for or."""
        return formats.format_list(self.items, language, "or")


@dataclass(frozen=True, slots=True)
class Day(Worded):
    """A day of the calendar."""

    day: date

    def in_language(self, language: Language) -> str:
        """Return it in full."""
        return formats.format_day(self.day, language)


@dataclass(frozen=True, slots=True)
class Weekday(Worded):
    """The day of the week on which a day falls."""

    day: date

    def in_language(self, language: Language) -> str:
        """Return its name."""
        return formats.format_weekday(self.day, language)


@dataclass(frozen=True, slots=True)
class Moment(Worded):
    """An instant, by the clock of a zone."""

    moment: datetime
    zone: str = "UTC"

    def in_language(self, language: Language) -> str:
        """Return it with its day, to the minute."""
        return formats.format_moment(self.moment, language, ZoneInfo(self.zone))


@dataclass(frozen=True, slots=True)
class WallTime(Worded):
    """A time of day on a day that belongs to no zone yet."""

    local: datetime

    def in_language(self, language: Language) -> str:
        """Return it with its day, to the minute."""
        return formats.format_wall_time(self.local, language)
