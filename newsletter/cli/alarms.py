"""``newsletter alarm``: what is wrong, and who looks after it."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.state import As, AuditReason, Json, open_all, open_database, settings_of

app = typer.Typer(no_args_is_help=True, help="List, acknowledge and reopen alarms.")

AlarmKey = Annotated[
    str, typer.Argument(help="As newsletter alarm list names it: relay-stuck smtp:mx.example:25.")
]


@app.command("list")
def list_alarms(context: typer.Context, json: Json = False) -> None:
    """List what is wrong, and who looks after it."""
    from newsletter.cli.console import console, print_json
    from newsletter.cli.overview import alarms_as_json, show_alarms
    from newsletter.operations.alarms import find_alarms
    from workers.overview import overview_source

    settings = settings_of(context)
    found = find_alarms(overview_source(settings, open_database(settings))())
    if json:
        print_json(alarms_as_json(found))
    elif found:
        console.print(show_alarms(found))
    else:
        console.print(_("There are no alarms."))


@app.command("acknowledge")
def acknowledge(
    context: typer.Context,
    alarm: AlarmKey,
    reason: Annotated[str, typer.Option(help="What is being done about it.")],
    as_: As = None,
) -> None:
    """Acknowledge an alarm: it stays listed, and is no longer new until it ends or worsens."""
    from newsletter.operations.actions import acknowledge_alarm
    from workers.overview import overview_source

    opened = open_all(context, as_, Action.ALARM_ACKNOWLEDGE)
    seen = overview_source(opened.settings, opened.engine)()
    acknowledge_alarm(opened.engine, opened.actor, alarm, reason=reason, seen=seen)


@app.command("reopen")
def reopen(
    context: typer.Context, alarm: AlarmKey, reason: AuditReason = "by command", as_: As = None
) -> None:
    """Reopen an acknowledged alarm, so that it counts as new again."""
    from newsletter.operations.actions import reopen_alarm

    opened = open_all(context, as_, Action.ALARM_REOPEN)
    reopen_alarm(opened.engine, opened.actor, alarm, reason=reason)
