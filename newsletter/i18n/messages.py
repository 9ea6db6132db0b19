"""Messages that are worded where they are shown, in the language of whoever reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from newsletter.i18n.catalogue import SOURCE_LANGUAGE, Words
from newsletter.i18n.language import Language
from newsletter.i18n.values import Worded


@dataclass(frozen=True, slots=True)
class Message(Worded):
    """A sentence of the catalogues with the values that are put into it."""

    text: str
    values: tuple[tuple[str, object], ...] = ()
    context: str = ""
    many: str = ""
    count: int = 0

    def in_language(self, language: Language) -> str:
        """Return the message as a reader of ``language`` gets it; messages within it, too."""
        words = Words(language)
        values = dict(self.values)
        if self.many:
            return words.ngettext(self.text, self.many, self.count, **values)
        if self.context:
            return words.pgettext(self.context, self.text, **values)
        return words.gettext(self.text, **values)

    def having(self, **values: object) -> Message:
        """Return the message with these values put into it."""
        return replace(self, values=tuple(values.items()))

    def __str__(self) -> str:
        """Return the message as logs have it: in English."""
        return self.in_language(SOURCE_LANGUAGE)


def msg(text: str, /, **values: object) -> Message:
    """Return a message; its text is in English and is found by ``make words``."""
    return Message(text, tuple(values.items()))


def written(text: str) -> Message:
    """Return what somebody wrote, or a program said, as a message that no language changes."""
    return Message("{text}", (("text", text),))


def pmsg(context: str, text: str, /, **values: object) -> Message:
    """Return a message whose text has several meanings, told apart by ``context``."""
    return Message(text, tuple(values.items()), context=context)


def nmsg(one: str, many: str, count: int, /, **values: object) -> Message:
    """Return the message that fits a number, which is ``{count}`` in it."""
    return Message(one, tuple(values.items()), many=many, count=count)


def in_each_language(message: Message) -> dict[str, str]:
    """Return a message in every language, by tag, for programs to choose from."""
    return {language.value: message.in_language(language) for language in Language}
