"""What went wrong under a command, as an error that a person can act on."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.errors import (
    ConflictError,
    NewsletterError,
    SettingError,
    UnavailableError,
    UsageError,
    system_reason,
)
from newsletter.i18n.messages import msg

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

#: Why a path cannot be used, as its owner can mend. A service whose unit names another folder as
#: writable finds its own on a read-only file system.
_OF_A_PATH = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
    }
)
#: What PostgreSQL calls a number that its column cannot hold.
_OUT_OF_RANGE = "22003"


def explained(error: Exception) -> NewsletterError:
    """Return the error to show in place of any other; a defect's trace is kept in a file."""
    from sqlalchemy.exc import DataError, DBAPIError, OperationalError

    from newsletter.database.engine import is_overtaken

    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
        give_up_output()
        return UnavailableError(
            msg("It cannot be written: {reason}.", reason=system_reason(error)),
            remedy=msg("Check that the disk has space left and can be written to."),
        )
    if isinstance(error, OSError) and error.errno in _OF_A_PATH and error.filename is not None:
        return SettingError(
            msg(
                "{path} cannot be used: {reason}.", path=error.filename, reason=system_reason(error)
            ),
            remedy=msg("Check its owner and permissions, and the setting that names it."),
        )
    if isinstance(error, OverflowError) or (
        isinstance(error, DataError) and getattr(error.orig, "sqlstate", "") == _OUT_OF_RANGE
    ):
        return UsageError(
            msg("A number is larger than the database can hold."),
            remedy=msg("Check the numbers of the command."),
        )
    if isinstance(error, UnicodeEncodeError) and not " ".join(sys.argv).isprintable():
        return UsageError(
            msg("An argument is not UTF-8 text."),
            remedy=msg("Type it again, or rename the file."),
        )
    if isinstance(error, OperationalError) or (
        isinstance(error, DBAPIError) and is_overtaken(error)
    ):
        return _of_the_database(error)
    return NewsletterError(
        msg("An unexpected error occurred: {name}.", name=type(error).__name__),
        remedy=msg(
            "This is a defect in the software. The details to report are in {path}.",
            path=_keep_trace(),
        ),
    )


def _of_the_database(error: DBAPIError) -> NewsletterError:
    """Tell a change too late, a server's own fault, one that turns us away and one away apart."""
    from newsletter.database.engine import is_overtaken
    from newsletter.database.postgres import turns_away
    from newsletter.database.refusals import REFUSAL_REMEDY, is_damaged, takes_no_changes

    reason = error.orig
    if is_overtaken(error):
        # Not tried again here: of what the command did before, parts may stand.
        return ConflictError(
            msg("Somebody else changed the same at this moment."),
            remedy=msg("Look at how things stand now, and run the command again if need be."),
        )
    if _is_of_the_disk(reason):
        return UnavailableError(
            msg("The database cannot write to its disk: {reason}.", reason=reason),
            remedy=msg(
                "Check that the disk of its file (DATABASE_URL, or else in DATA_DIR) has space left"
                " and can be written to."
            ),
        )
    if is_damaged(error):
        return UnavailableError(
            msg("The database is damaged: {reason}.", reason=_first_line(reason)),
            remedy=msg(
                "Stop the workers and the web, keep a copy, and restore a backup"
                " (docs/production.md)."
            ),
        )
    if takes_no_changes(error):
        return UnavailableError(
            msg("The database accepts no changes: {reason}.", reason=_first_line(reason)),
            remedy=REFUSAL_REMEDY,
        )
    if turns_away(str(reason)):
        return UnavailableError(
            msg("The database refuses the connection: {reason}.", reason=_first_line(reason)),
            remedy=msg(
                "Check the user, the password and the name of the database in DATABASE_URL."
            ),
        )
    return UnavailableError(
        msg("The database is not responding: {reason}.", reason=_first_line(reason)),
        remedy=msg("Check that it is running, and check DATABASE_URL."),
    )


def _is_of_the_disk(error: BaseException | None) -> bool:
    """Return whether SQLite could not read or write its file; opening it needs room, too."""
    import sqlite3

    # The low octet is the kind; the others say which step it was.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}


def _first_line(reason: object) -> str:
    """Return what a database's driver says first; hints about its network follow."""
    return str(reason).strip().partition("\n")[0].rstrip(".?")


def _keep_trace() -> Path:
    import traceback
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile(
        "w", prefix="newsletter-", suffix=".trace", delete=False, encoding="utf-8"
    ) as file:
        file.write(traceback.format_exc())
        return Path(file.name)


def give_up_output() -> None:
    """Write nothing any more where nothing is taken: else Python complains about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
