"""The languages that templates, pages and issues speak."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """A language by its BCP 47 tag."""

    JAPANESE = "ja"
    ENGLISH = "en"
