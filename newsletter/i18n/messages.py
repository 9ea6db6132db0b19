"""Messages, which are translated when they are shown, into the language of the reader."""

from __future__ import annotations

from dataclasses import dataclass, replace

from newsletter.i18n.catalogue import SOURCE_LANGUAGE, Words
from newsletter.i18n.language import Language
from newsletter.i18n.values import Worded


@dataclass(frozen=True, slots=True)
class Message(Worded):
    """A text of the catalogues with the values of its placeholders."""

    text: str
    values: tuple[tuple[str, object], ...] = ()
    context: str = ""
    many: str = ""
    count: int = 0

    def in_language(self, language: Language) -> str:
        """Return the message in a language, including the messages among its values."""
        words = Words(language)
        values = dict(self.values)
        if self.many:
            return words.ngettext(self.text, self.many, self.count, **values)
        if self.context:
            return words.pgettext(self.context, self.text, **values)
        return words.gettext(self.text, **values)

    def having(self, **values: object) -> Message:
        """Return the message with these further values."""
        return replace(self, values=tuple(values.items()))

    def __str__(self) -> str:
        """Return the message in English, for logs."""
        return self.in_language(SOURCE_LANGUAGE)


def msg(text: str, /, **values: object) -> Message:
    """Return a message; its English text is collected by ``make words``."""
    return Message(text, tuple(values.items()))


def written(text: str) -> Message:
    """Return a text from a person or program as a message that is not translated."""
    return Message("{text}", (("text", text),))


def pmsg(context: str, text: str, /, **values: object) -> Message:
    """Return a message whose text has several meanings; ``context`` distinguishes them."""
    return Message(text, tuple(values.items()), context=context)


def nmsg(one: str, many: str, count: int, /, **values: object) -> Message:
    """Return the message for a number, which is ``{count}`` in the text."""
    return Message(one, tuple(values.items()), many=many, count=count)


def in_each_language(message: Message) -> dict[str, str]:
    """Return a message in all languages, by tag, for programs that choose the language."""
    return {language.value: message.in_language(language) for language in Language}
