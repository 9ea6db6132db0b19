"""Translations from gettext catalogues, such as ``ja.po`` in this package.

The texts in source code and templates are English and serve as keys; English has no catalogue.
Placeholders ``{name}`` are replaced after translation. A catalogue is read on first use of its
language, so that commands which show no translated text start faster.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from gettext import NullTranslations, c2py
from pathlib import Path
from string import Formatter

from markupsafe import Markup, escape

from newsletter.i18n.language import Language
from newsletter.i18n.values import Worded

FOLDER = Path(__file__).parent
#: The language of the texts in source code and templates.
SOURCE_LANGUAGE = Language.ENGLISH
_FORMATTER = Formatter()
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_FIELD = re.compile(
    r'^(?P<name>msg\w+(?:\[\d+\])?)\s+(?P<words>"(?:[^"\\]|\\.)*"(?:\n"(?:[^"\\]|\\.)*")*)',
    re.MULTILINE,
)


class Catalogue(NullTranslations):
    """The translations of one language.

    They are read without Babel, whose import takes longer than a whole short command.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._forms: dict[tuple[str, str], tuple[str, ...]] = {}
        self._plural: Callable[[int], int] = c2py("n != 1")
        for entry in path.read_text(encoding="utf-8").split("\n\n"):
            self._take(dict(_fields(entry)))

    def _take(self, fields: dict[str, str]) -> None:
        if (text := fields.get("msgid")) is None:
            return
        if not text:
            if match := re.search(r"plural=([^;]+)", fields["msgstr"]):
                self._plural = c2py(match[1].strip())
            return
        forms = tuple(words for name, words in fields.items() if name.startswith("msgstr"))
        if all(forms):
            self._forms[fields.get("msgctxt", ""), text] = forms

    def gettext(self, message: str) -> str:
        """Return a text in the language; unchanged if the catalogue does not contain it."""
        return self._forms.get(("", message), (message,))[0]

    def pgettext(self, context: str, message: str) -> str:
        """Return a text in the language; ``context`` distinguishes its meanings."""
        return self._forms.get((context, message), (message,))[0]

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the form of a text for a number."""
        forms = self._forms.get(("", msgid1))
        if forms is None:
            return msgid1 if n == 1 else msgid2
        return forms[min(self._plural(n), len(forms) - 1)]


def _fields(entry: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of an entry of a ``.po`` file, whose strings are escaped as in JSON."""
    for match in _FIELD.finditer(entry):
        yield match["name"], "".join(map(json.loads, _STRING.findall(match["words"])))


@cache
def catalogue_of(language: Language) -> NullTranslations:
    """Return the translations of a language, which are read on first use."""
    if language is SOURCE_LANGUAGE:
        return NullTranslations()
    return Catalogue(FOLDER / f"{language.value}.po")


class Words:
    """The translation functions of templates, for one language.

    They return plain text, which the template escapes. If a value is markup, the text is escaped
    and the markup is kept; a catalogue can therefore never contain markup.
    """

    def __init__(self, language: Language) -> None:
        self._language = language
        self._catalogue = catalogue_of(language)

    def gettext(self, text: str, /, **values: object) -> str:
        """Return a text in the language."""
        return self._filled(self._catalogue.gettext(text) if text else "", values)

    def pgettext(self, context: str, text: str, /, **values: object) -> str:
        """Return a text in the language; ``context`` distinguishes its meanings."""
        return self._filled(self._catalogue.pgettext(context, text), values)

    def labelled(self, label: str, value: object) -> str:
        """Return a value after its label: ``Tags: press``, ``タグ：press``."""
        return self.pgettext("label and value", "{label}: {value}", label=label, value=value)

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        """Return the form of a text for a number, which is ``{count}`` in the text."""
        return self._filled(
            self._catalogue.ngettext(one, many, number), {"count": number, **values}
        )

    def _filled(self, text: str, values: dict[str, object]) -> str:
        if not values:
            return text
        for _, name, form, conversion in _FORMATTER.parse(text):
            # Customers' templates contain texts, too, and "{value.attribute}" would bypass their
            # sandbox.
            if name is not None and (name not in values or form or conversion):
                raise KeyError(name)
        values = {
            name: value.in_language(self._language) if isinstance(value, Worded) else value
            for name, value in values.items()
        }
        if any(isinstance(value, Markup) for value in values.values()):
            return escape(text).format(**values)
        return text.format(**values)

    def globals(self) -> dict[str, object]:
        """Return these functions by their names in templates."""
        return {
            "_": self.gettext,
            "gettext": self.gettext,
            "pgettext": self.pgettext,
            "ngettext": self.ngettext,
            "labelled": self.labelled,
        }
