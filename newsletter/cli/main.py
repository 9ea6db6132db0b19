"""``newsletter``: the command line. Exit codes are documented in docs/cli.md."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from newsletter import __version__
from newsletter.cli import (
    accounts,
    bounces,
    corrections,
    decisions,
    digests,
    feedback,
    fields,
    forms,
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
    subscribers,
    templates,
)
from newsletter.cli.bounces import bounce_app
from newsletter.cli.failures import explained, give_up_output
from newsletter.cli.newsletters import dictionary, init
from newsletter.cli.send import send, send_test
from newsletter.disk import write_privately
from newsletter.errors import ExitCode, NewsletterError

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
issues.app.command("archive")(decisions.archive)
issues.app.command("correct")(corrections.correct)
issues.app.command("comments")(decisions.show_comments)
issues.app.command("comment")(decisions.write_comment)
issues.app.command("resolve")(decisions.resolve_comment)
app.add_typer(mailings.app, name="mailing", rich_help_panel=_WRITE)
app.add_typer(digests.app, name="digest", rich_help_panel=_WRITE)
app.add_typer(series.app, name="series", rich_help_panel=_WRITE)
app.add_typer(library.app, name="library", rich_help_panel=_WRITE)
app.add_typer(reuse.snippets, name="snippet", rich_help_panel=_WRITE)
app.add_typer(dictionary, name="dictionary", rich_help_panel=_WRITE)
app.add_typer(templates.app, name="template", rich_help_panel=_WRITE)
app.add_typer(looks.app, name="look", rich_help_panel=_WRITE)

app.add_typer(subscribers.app, name="subscriber", rich_help_panel=_READERS)
app.add_typer(fields.app, name="field", rich_help_panel=_READERS)
app.add_typer(forms.app, name="form", rich_help_panel=_READERS)
app.add_typer(forms.invitations, name="invitation", rich_help_panel=_READERS)
app.add_typer(segments.app, name="segment", rich_help_panel=_READERS)
app.add_typer(bounce_app, name="bounce", rich_help_panel=_READERS)
app.add_typer(operations.suppressions, name="suppression", rich_help_panel=_READERS)

app.command(rich_help_panel=_OPERATE)(operations.status)
app.add_typer(operations.alarms, name="alarm", rich_help_panel=_OPERATE)
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
    """Process the options before the command."""
    del env_file, version


def run() -> None:
    """Run the command line; errors are printed without stack traces."""
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
        give_up_output()
        sys.exit(ExitCode.UNREAD)
    except NewsletterError as error:
        _end(error)
    except Exception as error:  # noqa: BLE001 - users must not see a stack trace
        _end(explained(error))


def _open_closed_streams() -> None:
    """Replace standard streams that the caller has closed (``>&-``), which are None in Python."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - stays open
            setattr(sys, name, nowhere)


def _end(error: NewsletterError) -> NoReturn:
    from newsletter.cli.console import print_error

    print_error(error)
    sys.exit(error.exit_code)
