"""Conversion of exceptions in commands to errors with a remedy."""

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

#: Reasons why a path cannot be used, which the user can fix. A service whose unit lists other
#: writable folders sees a read-only file system.
_OF_A_PATH = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
    }
)
#: SQLSTATE of PostgreSQL for a number that is too large for its column.
_OUT_OF_RANGE = "22003"


def explained(error: Exception) -> NewsletterError:
    """Return the error to show for an exception; a bug's stack trace is written to a file."""
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
    """Return the error for a conflict, a fault of the server, a refused login or no connection."""
    from newsletter.database.engine import (
        REFUSAL_REMEDY,
        is_damaged,
        is_overtaken,
        takes_no_changes,
    )

    reason = error.orig
    if is_overtaken(error):
        # It is not repeated automatically, since earlier steps of the command may be committed.
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
    return _of_the_connection(error)


def _of_the_connection(error: DBAPIError) -> UnavailableError:
    """Return the error for a server that refuses the connection, or does not answer."""
    from newsletter.database.engine import is_crowded
    from newsletter.database.postgres import turns_away

    reason = error.orig
    if is_crowded(error):
        return UnavailableError(
            msg("The database accepts no more connections: {reason}.", reason=_first_line(reason)),
            remedy=msg(
                "It is running. Raise max_connections of PostgreSQL, or the connection limit of its"
                " user, or end what else is connected."
            ),
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
    """Return whether SQLite could not read or write its file; opening it needs space, too."""
    import sqlite3

    # The low octet is the primary result code.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}


def _first_line(reason: object) -> str:
    """Return the first line of a database driver's error, without hints about the network."""
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
    """Discard further output after a broken pipe; otherwise Python reports an error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
