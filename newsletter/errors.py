"""What the product can tell a person went wrong: where, and what to do about it."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from newsletter.i18n.catalogue import SOURCE_LANGUAGE
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, written


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
    #: An alarm is open; the command that was asked to check says so (newsletter status --check).
    ALARM_WARNING = 8
    ALARM_CRITICAL = 9
    #: Stopped by Ctrl-C, or by the answer no to a question (128 and the number of SIGINT).
    STOPPED = 130
    #: Nobody read standard output to its end (128 and the number of SIGPIPE).
    UNREAD = 141


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where in its input a fault lies; lines and columns count from 1.

    Attributes:
        source: A file, or what else was read; empty where the page itself shows the place.
        field: The name of a setting, or of the form's field that a page marks.
        file: The file's name, where the source says in words what it is.
    """

    source: str | Message = ""
    line: int | None = None
    column: int | None = None
    field: str | None = None
    file: str = ""

    def __str__(self) -> str:
        return str(self.described() or "").removesuffix(": ")

    def described(self) -> Message | None:
        """Return what stands before a sentence about this place; None without a source."""
        if not self.source:
            return None
        if self.column is not None:
            return msg("{source}, character {column}: ", source=self.source, column=self.column)
        if self.line is not None and self.field is not None:
            return msg(
                "{source}:{line}: {field}: ", source=self.source, line=self.line, field=self.field
            )
        if self.line is not None:
            return msg("{source}:{line}: ", source=self.source, line=self.line)
        if self.field is not None:
            return msg("{source}: {field}: ", source=self.source, field=self.field)
        return msg("{source}: ", source=self.source)


class NewsletterError(Exception):
    """Anything the product refuses or fails to do, said so that a person can act on it.

    Attributes:
        message: One sentence, what is wrong; worded where it is shown.
        place: Where, when the fault lies in some input.
        advice: One sentence, what to do; None when nothing can be advised.
        command: One sentence, with which command or option; said to who works with commands alone.
    """

    exit_code = ExitCode.INTERNAL

    def __init__(
        self,
        message: Message,
        *,
        place: Place | None = None,
        remedy: Message | None = None,
        command: Message | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.advice = remedy
        self.command = command

    @property
    def what(self) -> str:
        """What is wrong, in English."""
        return str(self.message)

    @property
    def remedy(self) -> str:
        """What to do, in English."""
        return str(self.advice or "")

    def __str__(self) -> str:
        """Return the error as logs and terminals have it: in English, with the command."""
        whole = self.in_language(SOURCE_LANGUAGE)
        return f"{whole} {self.command}" if self.command else whole

    @property
    def explanation(self) -> Message:
        """What and what to do, for a page that shows by itself where."""
        if not self.advice:
            return self.message
        return msg("{what} {remedy}", what=self.message, remedy=self.advice)

    @property
    def whole(self) -> Message:
        """Where, what and what to do."""
        place = self.place.described() if self.place else None
        if not place:
            return self.explanation
        return msg("{place}{sentence}", place=place, sentence=self.explanation)

    def in_language(self, language: Language) -> str:
        """Return where, what and what to do, as a reader of the language gets it."""
        return self.whole.in_language(language)


class UsageError(NewsletterError):
    """A command was called wrongly."""

    exit_code = ExitCode.USAGE


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


_NOT_PERMITTED = msg("access is not permitted")
_NO_SPACE = msg("no space is left on the disk")
_REASONS: Mapping[int, Message] = {
    errno.ENOENT: msg("there is no such file or folder"),
    errno.EACCES: _NOT_PERMITTED,
    errno.EPERM: _NOT_PERMITTED,
    errno.EISDIR: msg("it is a folder"),
    errno.ENOTDIR: msg("part of the path is not a folder"),
    errno.EEXIST: msg("something else has this name"),
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: msg("the file would be larger than the system allows"),
    errno.EROFS: msg("the file system is read-only"),
    errno.ENAMETOOLONG: msg("the name is too long"),
    errno.EIO: msg("the disk reports an error"),
    errno.EADDRINUSE: msg("the port is already in use"),
    errno.EADDRNOTAVAIL: msg("this machine does not have the address"),
}


def system_reason(error: OSError) -> Message:
    """Return why the system refused, to stand within a sentence; in its own words if rare."""
    return _REASONS.get(error.errno or 0) or written(error.strerror or str(error))
