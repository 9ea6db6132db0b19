"""What the product can tell a person went wrong: where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from newsletter.i18n.messages import Message


class ExitCode(IntEnum):
    """Exit codes of the command line, as documented in docs/cli.md."""

    OK = 0
    #: Something unforeseen; a defect of this software.
    INTERNAL = 1
    #: The command was called wrongly (the convention of click and getopt).
    USAGE = 2
    #: Input was read and found wanting: an issue, a list, a template.
    BAD_INPUT = 3
    #: A setting is missing or wrong.
    BAD_SETTING = 4
    #: A server that is needed (database, Redis, relay) cannot be reached.
    UNAVAILABLE = 5
    #: The command did its work, but not all of it came out well.
    INCOMPLETE = 6
    #: The state of things forbids it: a mailing already finished, a name already taken.
    CONFLICT = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where in its input a fault lies; lines count from 1."""

    source: str
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        text = self.source if self.line is None else f"{self.source}:{self.line}"
        return text if self.field is None else f"{text}: {self.field}"


class NewsletterError(Exception):
    """Anything the product refuses or fails to do, said so that a person can act on it.

    Attributes:
        message: One sentence, what is wrong; worded where it is shown.
        place: Where, when the fault lies in some input.
        advice: One sentence, what to do; empty when nothing can be advised.
    """

    exit_code = ExitCode.INTERNAL

    def __init__(
        self, what: Message | str, *, place: Place | None = None, remedy: Message | str = ""
    ) -> None:
        super().__init__(str(what))
        self.message = what if isinstance(what, Message) else Message(what)
        self.place = place
        self.advice = remedy if isinstance(remedy, Message) else Message(remedy)

    @property
    def what(self) -> str:
        """What is wrong, in English."""
        return str(self.message)

    @property
    def remedy(self) -> str:
        """What to do, in English."""
        return str(self.advice)

    def __str__(self) -> str:
        text = self.what if self.place is None else f"{self.place}: {self.what}"
        return f"{text} {self.remedy}".rstrip()


class SettingError(NewsletterError):
    """A setting is missing or wrong."""

    exit_code = ExitCode.BAD_SETTING


class ContentError(NewsletterError):
    """An issue cannot be read or must not be sent as it is."""

    exit_code = ExitCode.BAD_INPUT


class TemplateError(NewsletterError):
    """A template is missing, faulty, or lost some of the issue."""

    exit_code = ExitCode.BAD_INPUT


class ListError(NewsletterError):
    """A subscriber list, address or segment cannot be taken as given."""

    exit_code = ExitCode.BAD_INPUT


class MessageError(NewsletterError):
    """A message cannot be composed for one recipient."""

    exit_code = ExitCode.BAD_INPUT


class NotFoundError(NewsletterError):
    """What was named does not exist."""

    exit_code = ExitCode.BAD_INPUT


class ConflictError(NewsletterError):
    """The present state of a mailing, issue or subscriber forbids what was asked."""

    exit_code = ExitCode.CONFLICT


class UnavailableError(NewsletterError):
    """A server that is needed does not answer."""

    exit_code = ExitCode.UNAVAILABLE


class TokenError(NewsletterError):
    """A signed link is damaged, forged, or meant for another purpose."""

    exit_code = ExitCode.BAD_INPUT


class AccountError(NewsletterError):
    """An account, its password or its role cannot be as asked."""

    exit_code = ExitCode.BAD_INPUT


class SignInError(NewsletterError):
    """Somebody could not prove who they are."""

    exit_code = ExitCode.CONFLICT


class ForbiddenError(NewsletterError):
    """The account's roles do not reach that far."""

    exit_code = ExitCode.CONFLICT


class OrderError(NewsletterError):
    """An operator's order lacks its reason, or asks for what cannot be done."""

    exit_code = ExitCode.BAD_INPUT
