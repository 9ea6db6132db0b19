"""What is wrong with a value that Pydantic refused, as a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Number


class WrongValueError(ValueError):
    """A value that a validator refuses, which is what Pydantic expects it to raise."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


_WHOLE = msg("The value must be a whole number.")
_NUMBER = msg("The value must be a number.")
_LOGICAL = msg("The value must be true or false.")
_PLAIN: Mapping[str, Message] = {
    "missing": msg("The value is missing."),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_parsing", "float_type", "decimal_parsing"), _NUMBER),
    **dict.fromkeys(("bool_parsing", "bool_type"), _LOGICAL),
    "string_type": msg("The value must be text."),
}
#: Of those that name a bound, with what it is called in the error's context.
_BOUNDED: Mapping[str, tuple[str, Callable[[Number], Message]]] = {
    "greater_than_equal": ("ge", lambda n: msg("The value must be at least {limit}.", limit=n)),
    "greater_than": ("gt", lambda n: msg("The value must be greater than {limit}.", limit=n)),
    "less_than_equal": ("le", lambda n: msg("The value must be at most {limit}.", limit=n)),
    "less_than": ("lt", lambda n: msg("The value must be less than {limit}.", limit=n)),
    "string_too_long": (
        "max_length",
        lambda n: msg("The value must have at most {limit} characters.", limit=n),
    ),
}


def message_of(details: ErrorDetails) -> Message:
    """Return what is wrong with a value; for a rare kind of error, in the words of Pydantic."""
    kind, context = details["type"], dict[str, Any](details.get("ctx", {}))
    if isinstance(context.get("error"), WrongValueError):
        message: Message = context["error"].message
        return message
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _BOUNDED:
        name, worded = _BOUNDED[kind]
        return worded(Number(context[name]))
    if kind in {"literal_error", "enum"}:
        return msg("The value must be one of: {names}.", names=context["expected"])
    # Of an exception of a validator Pydantic says its kind before its words.
    reason = str(context.get("error", details["msg"])).rstrip(".")
    return msg("The value is not accepted: {reason}.", reason=reason)
