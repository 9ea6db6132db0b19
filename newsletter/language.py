"""The languages that templates, pages and issues speak."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """A language by its BCP 47 tag."""

    JAPANESE = "ja"
    ENGLISH = "en"


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One sentence in both languages."""

    ja: str
    en: str

    def in_language(self, language: Language) -> str:
        """Return the sentence as a reader of ``language`` gets it."""
        return self.ja if language is Language.JAPANESE else self.en
