"""Words of ours in a mail, worded while it is rendered for readers of each language.

An issue that is not translated goes to readers of other languages, too: its text stays as written,
and what is ours, such as the way to leave, each of them can read.
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
    """The same words in each language; a template that prints them marks their place."""

    def __init__(self, marks: SlotMarks, own: Language, words: Mapping[Language, str]) -> None:
        self._marks = marks
        self._own = own
        self._words = words

    def each(self, change: Callable[[Language, str], str]) -> ForReader:
        """Return what becomes of the words of each language."""
        changed = {language: change(language, words) for language, words in self._words.items()}
        return ForReader(self._marks, self._own, changed)

    def __str__(self) -> str:
        others = {each.value: words for each, words in self._words.items() if each != self._own}
        return self._marks.words(self._words[self._own], others)

    def __html__(self) -> str:
        """Return the mark as it is; the words are escaped when they are put in."""
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
    """Return a text that has several meanings in each reader's language."""
    return _for_reader(context, lambda language: Words(language).pgettext(meaning, words, **values))


@pass_context
def reader_language(context: Context) -> ForReader | str:
    """Return the tag of the language that these words are in."""
    return _for_reader(context, lambda language: language.value)


@pass_context
def labelled(context: Context, label: str | ForReader, value: object) -> str | ForReader:
    """Return a value behind what it is called."""
    if isinstance(label, ForReader):
        return label.each(lambda language, words: Words(language).labelled(words, value))
    return Words(language_of_words(context["lang"])).labelled(label, value)


def wrap_words(text: str | ForReader, *, indent: str = "") -> str | ForReader:
    """Wrap text, or the words of each language."""
    wrapped = partial(wrap, indent=indent)
    if isinstance(text, ForReader):
        return text.each(lambda _language, words: wrapped(words))
    return wrapped(text)
