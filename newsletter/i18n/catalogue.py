"""Words by language, from gettext catalogues: ``ja.po`` beside this module.

The words in source and templates are English, and their own keys; English has no catalogue.
What varies stands as ``{name}`` and is put in after translation. A catalogue is read when its
language is first asked for, so that a command which shows none of it does not pay for it.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from markupsafe import Markup, escape

from newsletter.i18n.language import Language
from newsletter.i18n.values import Worded

FOLDER = Path(__file__).parent
#: The language of the words in source and templates.
SOURCE_LANGUAGE = Language.ENGLISH


@cache
def catalogue_of(language: Language) -> NullTranslations:
    """Return the words of a language, read on first use (about 0.1 s)."""
    if language is SOURCE_LANGUAGE:
        return NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - what shows English does without
    from babel.messages.pofile import read_po  # noqa: PLC0415 - as above

    with (FOLDER / f"{language.value}.po").open("rb") as source:
        catalogue = read_po(source, locale=language.value)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


class Words:
    """The functions that templates write words with, for one language.

    They return plain text, which the template escapes, unless a value is markup: then the text
    is escaped and the markup kept, so that a catalogue never brings markup of its own.
    """

    def __init__(self, language: Language) -> None:
        self._language = language
        self._catalogue = catalogue_of(language)

    def gettext(self, text: str, /, **values: object) -> str:
        """Return a text in the language."""
        return self._filled(self._catalogue.gettext(text) if text else "", values)

    def pgettext(self, context: str, text: str, /, **values: object) -> str:
        """Return a text in the language that has several meanings, told apart by ``context``."""
        return self._filled(self._catalogue.pgettext(context, text), values)

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        """Return the form of a text that fits a number, which is ``{count}`` in it."""
        return self._filled(
            self._catalogue.ngettext(one, many, number), {"count": number, **values}
        )

    def _filled(self, text: str, values: dict[str, object]) -> str:
        if not values:
            return text
        values = {
            name: value.in_language(self._language) if isinstance(value, Worded) else value
            for name, value in values.items()
        }
        if any(isinstance(value, Markup) for value in values.values()):
            return escape(text).format(**values)
        return text.format(**values)

    def globals(self) -> dict[str, object]:
        """Return what a template environment calls these functions."""
        return {
            "_": self.gettext,
            "gettext": self.gettext,
            "pgettext": self.pgettext,
            "ngettext": self.ngettext,
        }
