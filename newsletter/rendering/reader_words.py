"""Fixed text of the product in a mail, rendered in the language of each reader.

An untranslated issue is also sent to readers of other languages: its own text stays as written, but
fixed text, such as the unsubscribe instructions, is in the language of each reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from jinja2 import pass_context
from jinja2.runtime import Context

from newsletter.i18n.catalogue import Words
from newsletter.i18n.language import Language, language_of_words
from newsletter.rendering.slots import SlotMarks
from newsletter.rendering.wrap import wrap


class ForReader:
    """The same text in each language; when a template prints it, a mark is written."""

    def __init__(self, marks: SlotMarks, own: Language, words: Mapping[Language, str]) -> None:
        self._marks = marks
        self._own = own
        self._words = words

    def each(self, change: Callable[[Language, str], str]) -> ForReader:
        """Return a copy with ``change`` applied to the text of each language."""
        changed = {language: change(language, words) for language, words in self._words.items()}
        return ForReader(self._marks, self._own, changed)

    def __str__(self) -> str:
        others = {each.value: words for each, words in self._words.items() if each != self._own}
        return self._marks.words(self._words[self._own], others)

    def __html__(self) -> str:
        """Return the mark as it is; the text is escaped when it replaces the mark."""
        return str(self)


def _for_reader(context: Context, word: Callable[[Language], str]) -> ForReader | str:
    own, marks = language_of_words(context["lang"]), context.get("marks")
    if not isinstance(marks, SlotMarks):
        return word(own)
    return ForReader(marks, own, {language: word(language) for language in Language})


@pass_context
def reader_gettext(context: Context, words: str, /, **values: object) -> ForReader | str:
    """Return a text in each reader's language."""
    return _for_reader(context, lambda language: Words(language).gettext(words, **values))


@pass_context
def reader_pgettext(
    context: Context, meaning: str, words: str, /, **values: object
) -> ForReader | str:
    """Return a text with a context (as in pgettext) in each reader's language."""
    return _for_reader(context, lambda language: Words(language).pgettext(meaning, words, **values))


@pass_context
def reader_language(context: Context) -> ForReader | str:
    """Return the language tag of the fixed text."""
    return _for_reader(context, lambda language: language.value)


@pass_context
def labelled(context: Context, label: str | ForReader, value: object) -> str | ForReader:
    """Return a value after its label."""
    if isinstance(label, ForReader):
        return label.each(lambda language, words: Words(language).labelled(words, value))
    return Words(language_of_words(context["lang"])).labelled(label, value)


def wrap_words(text: str | ForReader, *, indent: str = "") -> str | ForReader:
    """Wrap a text, or the text of each language."""
    wrapped = partial(wrap, indent=indent)
    if isinstance(text, ForReader):
        return text.each(lambda _language, words: wrapped(words))
    return wrapped(text)
