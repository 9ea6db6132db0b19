"""Errors for users: what is wrong, where, and what to do about it."""

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
    #: An unexpected error; a defect of this software.
    INTERNAL = 1
    #: Wrong usage of the command (the convention of click and getopt).
    USAGE = 2
    #: The input is not valid: an issue, a list, a template.
    BAD_INPUT = 3
    #: A setting is missing or wrong.
    BAD_SETTING = 4
    #: A required server (database, Redis, relay) cannot be reached.
    UNAVAILABLE = 5
    #: The command finished, but some of its work failed.
    INCOMPLETE = 6
    #: The present state does not permit it: a finished mailing, a name that is taken.
    CONFLICT = 7
    #: An alarm is active (newsletter status --check).
    ALARM_WARNING = 8
    ALARM_CRITICAL = 9
    #: Stopped by Ctrl-C, or by answering no to a question (128 plus the number of SIGINT).
    STOPPED = 130
    #: The reader of standard output closed it (128 plus the number of SIGPIPE).
    UNREAD = 141


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The place of an error in the input; lines and columns count from 1.

    Attributes:
        source: The file or other input; empty if a page shows the place itself.
        field: The name of a setting, or of the form field that a page marks.
        file: The file's name, if ``source`` is a description.
    """

    source: str | Message = ""
    line: int | None = None
    column: int | None = None
    field: str | None = None
    file: str = ""

    def __str__(self) -> str:
        return str(self.described() or "").removesuffix(": ")

    def described(self) -> Message | None:
        """Return the place as text, to be put before the error's message; None without a source."""
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
    """The base of all errors for users.

    Attributes:
        message: One sentence that says what is wrong; it is translated where it is shown.
        place: The place of the error, if it is in some input.
        advice: One sentence that says what to do, or None.
        command: One sentence that names a command or option, shown on the command line only.
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
    def field(self) -> str:
        """The form field that the error is about; empty if it is about none."""
        return (self.place.field if self.place else None) or ""

    @property
    def what(self) -> str:
        """What is wrong, in English."""
        return str(self.message)

    @property
    def remedy(self) -> str:
        """What to do, in English."""
        return str(self.advice or "")

    def __str__(self) -> str:
        """Return the error in English, with the command, for logs and terminals."""
        whole = self.in_language(SOURCE_LANGUAGE)
        return f"{whole} {self.command}" if self.command else whole

    @property
    def explanation(self) -> Message:
        """Message and advice, for pages that show the place themselves."""
        if not self.advice:
            return self.message
        return msg("{what} {remedy}", what=self.message, remedy=self.advice)

    @property
    def whole(self) -> Message:
        """Place, message and advice."""
        place = self.place.described() if self.place else None
        if not place:
            return self.explanation
        return msg("{place}{sentence}", place=place, sentence=self.explanation)

    def in_language(self, language: Language) -> str:
        """Return place, message and advice in a language."""
        return self.whole.in_language(language)


class UsageError(NewsletterError):
    """A command was used wrongly."""

    exit_code = ExitCode.USAGE


class SettingError(NewsletterError):
    """A setting is missing or wrong."""

    exit_code = ExitCode.BAD_SETTING


class ContentError(NewsletterError):
    """An issue cannot be read or must not be sent as it is."""

    exit_code = ExitCode.BAD_INPUT


class TemplateError(NewsletterError):
    """A template is missing or faulty, or its result lacks parts of the issue."""

    exit_code = ExitCode.BAD_INPUT


class ListError(NewsletterError):
    """A subscriber list, address or segment is not valid."""

    exit_code = ExitCode.BAD_INPUT


class MessageError(NewsletterError):
    """A message cannot be composed for one recipient."""

    exit_code = ExitCode.BAD_INPUT


class NotFoundError(NewsletterError):
    """The named object does not exist."""

    exit_code = ExitCode.BAD_INPUT


class ConflictError(NewsletterError):
    """The present state of a mailing, issue or subscriber does not permit the action."""

    exit_code = ExitCode.CONFLICT


class UnavailableError(NewsletterError):
    """A required server does not reply."""

    exit_code = ExitCode.UNAVAILABLE


class TokenError(NewsletterError):
    """A signed link is damaged, forged, or meant for another purpose."""

    exit_code = ExitCode.BAD_INPUT


class AccountError(NewsletterError):
    """An account, its password or its role cannot be changed as requested."""

    exit_code = ExitCode.BAD_INPUT


class SignInError(NewsletterError):
    """Signing in failed."""

    exit_code = ExitCode.CONFLICT


class ForbiddenError(NewsletterError):
    """The account's roles do not permit the action."""

    exit_code = ExitCode.CONFLICT


class OrderError(NewsletterError):
    """An operator's order lacks a reason, or cannot be carried out."""

    exit_code = ExitCode.BAD_INPUT


#: The remedy when somebody else was faster; it is said on pages and by commands alike.
SEE_ANEW = msg("Look at it as it is now, then try again if need be.")
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
    """Return the reason of a system error for use in a sentence; rare ones are not translated."""
    return _REASONS.get(error.errno or 0) or written(error.strerror or str(error))
