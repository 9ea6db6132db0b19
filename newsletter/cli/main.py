"""``newsletter``: the command line. Exit codes are documented in docs/cli.md."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from newsletter import __version__
from newsletter.cli import (
    accounts,
    alarms,
    archive,
    bounces,
    comments,
    corrections,
    decisions,
    dictionary,
    digests,
    feedback,
    fields,
    forms,
    invitations,
    issues,
    keys,
    library,
    looks,
    mailings,
    operations,
    reuse,
    running,
    segments,
    series,
    snippets,
    subscribers,
    templates,
)
from newsletter.cli.bounces import bounce_app
from newsletter.cli.newsletters import init
from newsletter.cli.send import send, send_test
from newsletter.disk import write_privately
from newsletter.errors import ExitCode, NewsletterError, UnavailableError, UsageError, system_reason
from newsletter.i18n.messages import msg

_WRITE, _READERS, _OPERATE, _RUN = (
    "Write and send",
    "Readers and lists",
    "Operate",
    "Set up and run",
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Write newsletters and send them reliably.",
)
bounce_app.add_typer(feedback.app)
bounce_app.command("listen")(bounces.listen_for_bounces)
bounce_app.command("fetch")(bounces.fetch_bounces)
bounce_app.command("receive")(bounces.receive_bounce)

app.add_typer(issues.app, name="issue", rich_help_panel=_WRITE)
app.command(rich_help_panel=_WRITE)(send)
issues.app.command("test")(send_test)
issues.app.command("duplicate")(decisions.duplicate)
issues.app.command("ask")(decisions.ask_approval)
issues.app.command("approve")(decisions.give_approval)
issues.app.command("return")(decisions.return_issue)
issues.app.command("search")(reuse.search)
issues.app.command("keep")(reuse.keep)
issues.app.command("start")(reuse.start)
issues.app.command("patterns")(reuse.show_patterns)
issues.app.command("archive")(archive.archive)
issues.app.command("correct")(corrections.correct)
issues.app.command("comments")(comments.show_comments)
issues.app.command("comment")(comments.write_comment)
issues.app.command("resolve")(comments.resolve_comment)
app.add_typer(mailings.app, name="mailing", rich_help_panel=_WRITE)
app.add_typer(digests.app, name="digest", rich_help_panel=_WRITE)
app.add_typer(series.app, name="series", rich_help_panel=_WRITE)
app.add_typer(library.app, name="library", rich_help_panel=_WRITE)
app.add_typer(snippets.app, name="snippet", rich_help_panel=_WRITE)
app.add_typer(dictionary.app, name="dictionary", rich_help_panel=_WRITE)
app.add_typer(templates.app, name="template", rich_help_panel=_WRITE)
app.add_typer(looks.app, name="look", rich_help_panel=_WRITE)

app.add_typer(subscribers.app, name="subscriber", rich_help_panel=_READERS)
app.add_typer(fields.app, name="field", rich_help_panel=_READERS)
app.add_typer(forms.app, name="form", rich_help_panel=_READERS)
app.add_typer(invitations.app, name="invitation", rich_help_panel=_READERS)
app.add_typer(segments.app, name="segment", rich_help_panel=_READERS)
app.add_typer(bounce_app, name="bounce", rich_help_panel=_READERS)
app.add_typer(operations.suppressions, name="suppression", rich_help_panel=_READERS)

app.command(rich_help_panel=_OPERATE)(operations.status)
app.add_typer(alarms.app, name="alarm", rich_help_panel=_OPERATE)
app.add_typer(operations.relays, name="relay", rich_help_panel=_OPERATE)
app.add_typer(operations.domains, name="domain", rich_help_panel=_OPERATE)
app.command(rich_help_panel=_OPERATE)(operations.drain)
app.command(rich_help_panel=_OPERATE)(running.alive)

app.command(rich_help_panel=_RUN)(running.demo)
app.command(rich_help_panel=_RUN)(init)
app.command(rich_help_panel=_RUN)(running.web)
app.command(rich_help_panel=_RUN)(running.worker)
app.command(rich_help_panel=_RUN)(running.beat)
app.add_typer(accounts.app, name="account", rich_help_panel=_RUN)
app.add_typer(keys.app, name="key", rich_help_panel=_RUN)
app.command(rich_help_panel=_RUN)(keys.dkim)


#: What PostgreSQL calls a number that its column cannot hold.
_OUT_OF_RANGE = "22003"


def _version(shown: bool) -> None:
    if shown:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    env_file: Annotated[
        Path | None, typer.Option(help="The settings file, instead of .env in this folder.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before every command."""
    del env_file, version


def run() -> None:
    """Run the command line; what goes wrong is said without a stack trace."""
    from newsletter.cli import usage

    write_privately()
    _open_closed_streams()
    try:
        try:
            usage.run(app)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(ExitCode.STOPPED)
    except BrokenPipeError:
        _give_up_output()
        sys.exit(ExitCode.UNREAD)
    except NewsletterError as error:
        _end(error)
    except Exception as error:  # noqa: BLE001 - the last edge before a person
        _end(_explained(error))


def _explained(error: Exception) -> NewsletterError:
    from sqlalchemy.exc import DataError, OperationalError

    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
        _give_up_output()
        return UnavailableError(
            msg("It cannot be written: {reason}.", reason=system_reason(error)),
            remedy=msg("Check that the disk has space left and can be written to."),
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
            msg("An argument is not UTF-8 text."), remedy=msg("Type it anew, or rename the file.")
        )
    if isinstance(error, OperationalError):
        if _is_of_the_disk(error.orig):
            return UnavailableError(
                msg("The database cannot write to its disk: {reason}.", reason=error.orig),
                remedy=msg("Check that the disk of DATA_DIR has space left and can be written to."),
            )
        return UnavailableError(
            msg("The database is not responding: {reason}.", reason=str(error.orig).strip()),
            remedy=msg("Check that it is running, and check DATABASE_URL."),
        )
    return NewsletterError(
        msg("An unexpected error occurred: {name}.", name=type(error).__name__),
        remedy=msg(
            "This is a defect in the software. The details to report are in {path}.",
            path=_keep_trace(),
        ),
    )


def _is_of_the_disk(error: BaseException | None) -> bool:
    """Return whether SQLite could not read or write its file; opening it needs room, too."""
    import sqlite3

    # The low octet is the kind; the others say which step it was.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}


def _open_closed_streams() -> None:
    """Give what was closed by who called (``>&-``) an end: Python leaves nothing there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - for good
            setattr(sys, name, nowhere)


def _give_up_output() -> None:
    """Write nothing any more where nothing is taken: else Python complains about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(error: NewsletterError) -> NoReturn:
    from newsletter.cli.console import print_error

    print_error(error)
    sys.exit(error.exit_code)


def _keep_trace() -> Path:
    import traceback
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile(
        "w", prefix="newsletter-", suffix=".trace", delete=False, encoding="utf-8"
    ) as file:
        file.write(traceback.format_exc())
        return Path(file.name)
