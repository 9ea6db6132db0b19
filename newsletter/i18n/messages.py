"""Messages, which are translated when they are shown, into the language of the reader.

They are stored as JSON in databases and files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from newsletter.i18n.catalogue import SOURCE_LANGUAGE, Words
from newsletter.i18n.language import Language
from newsletter.i18n.values import (
    Alternatives,
    Day,
    Labelled,
    Listing,
    Moment,
    Number,
    Percent,
    Size,
    Worded,
)


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


def dump_message(message: Message) -> str:
    """Return a message as JSON; values of unknown types are converted to text."""
    return json.dumps(_dumped(message), ensure_ascii=False)


def load_message(text: str) -> Message:
    """Return the message of JSON; plain text of earlier versions is returned unchanged."""
    try:
        return _message(json.loads(text)["message"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return written(text)


def _fields(message: Message) -> Mapping[str, object]:
    fields = {
        "text": message.text,
        "values": {name: _dumped(value) for name, value in message.values},
        "context": message.context,
        "many": message.many,
        "count": message.count,
    }
    return {name: field for name, field in fields.items() if field}


def _message(fields: Mapping[str, Any]) -> Message:
    return Message(
        str(fields["text"]),
        tuple((name, _loaded(value)) for name, value in fields.get("values", {}).items()),
        context=str(fields.get("context", "")),
        many=str(fields.get("many", "")),
        count=int(fields.get("count", 0)),
    )


class _Kind(NamedTuple):
    kind: type[Worded]
    dump: Callable[[Any], object]
    load: Callable[[Any], Worded]


_KINDS: Mapping[str, _Kind] = {
    "message": _Kind(Message, _fields, _message),
    "number": _Kind(Number, lambda number: number.value, Number),
    "percent": _Kind(
        Percent, lambda share: (share.value, share.digits), lambda parts: Percent(*parts)
    ),
    "size": _Kind(Size, lambda size: size.octets, Size),
    "listing": _Kind(
        Listing,
        lambda listing: [_dumped(item) for item in listing.items],
        lambda items: Listing(
            tuple(one if isinstance(one, Worded) else str(one) for one in map(_loaded, items))
        ),
    ),
    "labelled": _Kind(
        Labelled,
        lambda labelled: (labelled.labels, labelled.name),
        lambda parts: Labelled(tuple(map(tuple, parts[0])), parts[1]),
    ),
    "choice": _Kind(
        Alternatives, lambda choice: choice.items, lambda items: Alternatives(tuple(items))
    ),
    "day": _Kind(Day, lambda day: day.day.isoformat(), lambda day: Day(date.fromisoformat(day))),
    "moment": _Kind(
        Moment,
        lambda moment: (moment.moment.isoformat(), moment.zone),
        lambda parts: Moment(datetime.fromisoformat(parts[0]), parts[1]),
    ),
}


def _dumped(value: object) -> object:
    for name, kind in _KINDS.items():
        if isinstance(value, kind.kind):
            return {name: kind.dump(value)}
    return value if isinstance(value, bool | int | float) else str(value)


def _loaded(value: object) -> object:
    if isinstance(value, dict):
        ((name, inner),) = value.items()
        return _KINDS[name].load(inner)
    return value
