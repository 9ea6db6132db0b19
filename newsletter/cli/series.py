"""``newsletter series``: series of mails for each reader, and their steps."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label as word
from newsletter.cli.language import labelled, ngettext, pgettext, text
from newsletter.cli.prompts import confirm
from newsletter.cli.state import As, Json, NewsletterName, changing, open_newsletter
from newsletter.database.vocabulary import SeriesTrigger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from newsletter.cli.state import NewsletterContext
    from newsletter.mailings.series.due import Timing
    from newsletter.mailings.series.steps import Series, Step

app = typer.Typer(no_args_is_help=True, help="Series of issues after an event (docs/series.md).")
steps = typer.Typer(no_args_is_help=True, help="Add, change, move, try and remove steps.")
app.add_typer(steps, name="step")

_Series = Annotated[str, typer.Argument(help="The name or number of a series.")]
_Step = Annotated[int, typer.Argument(help="The place of the step, counted from 1.")]
_Tag = Annotated[str, typer.Option("--tag", help="Begin when a reader is given this tag.")]
_Field = Annotated[str, typer.Option("--date", help="Begin at the date in this field.")]
_Yearly = Annotated[bool, typer.Option("--yearly", help="Begin at the date every year.")]
_Offset = Annotated[int, typer.Option("--offset", help="Days after the date; negative, before.")]
_Only = Annotated[str, typer.Option("--only", help="A segment or query that readers must meet.")]
_Days = Annotated[int, typer.Option(help="Days after the step before; 0 is the same day.")]
_Hour = Annotated[str, typer.Option(help="The time of day, such as 08:00; at once if empty.")]
_OwnClock = Annotated[bool, typer.Option("--own-clock", help="In each reader’s own time zone.")]
_Since = Annotated[
    datetime | None,
    typer.Option("--joined-since", formats=["%Y-%m-%d"], help="Also those who joined since."),
]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


@app.command("list")
def list_all(
    context: typer.Context, newsletter: NewsletterName = None, as_: As = None, json: Json = False
) -> None:
    """List the series, with their steps and how many readers are in them."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.mailings.series.figures import list_series

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_MAILINGS)
    with reading(opened.engine) as session:
        rows = list_series(session, opened.newsletter.id)
    if json:
        print_json(
            [
                {
                    "id": row.id,
                    "name": row.name,
                    "state": row.state.value,
                    "trigger": row.trigger.value,
                    "steps": count,
                    "readers": readers,
                }
                for row, count, readers in rows
            ]
        )
        return
    table = Table("", _("Name"), _("State"), _("Steps"), _("Readers"), box=None)
    for row, count, readers in rows:
        state = word(row.state)
        table.add_row(str(row.id), row.name, state, str(count), str(readers))
    console.print(table if rows else _("There is no series yet."))


@app.command()
def show(
    context: typer.Context,
    series: _Series,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Show a series: its steps, who is waiting for them, and their results."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.mailings.series.figures import StepSums, count_sums, find_series, shown_steps

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_MAILINGS)
    with reading(opened.engine) as session:
        row = find_series(session, opened.newsletter.id, series)
        steps = shown_steps(session, row.id)
        sums = count_sums(session, row.id)
    lines = [
        (each, sums.waiting.get(each.step.id, 0), sums.steps.get(each.step.id, StepSums()))
        for each in steps
    ]
    if json:
        print_json(
            {
                "id": row.id,
                "name": row.name,
                "state": row.state.value,
                "trigger": row.trigger.value,
                "subject": row.subject,
                "condition": row.condition,
                "readers": {state.value: count for state, count in sums.states.items()},
                "steps": [
                    {
                        "title": each.title,
                        "draft": each.step.draft_id,
                        "days": each.step.delay_days,
                        "hour": each.step.hour,
                        "own_clock": each.step.own_clock,
                        "in_effect": each.step.version > 0 and not each.is_changed,
                        "waiting": waiting,
                        "sent": came.sent,
                        "left": came.left,
                        "clicks": came.clicks,
                    }
                    for each, waiting, came in lines
                ],
            }
        )
        return
    console.print(labelled(row.name, word(row.state)))
    if row.halt_reason:
        console.print(text(row.halt_reason))
    heads = (
        "",
        _("Subject"),
        _("Days"),
        _("Hour"),
        pgettext("series", "Waiting"),
        _("Sent"),
        _("Unsubscribed"),
    )
    table = Table(*heads, box=None)
    for place, (each, waiting, came) in enumerate(lines, 1):
        timing = (str(each.step.delay_days), each.step.hour or _("at once"))
        counts = map(str, (waiting, came.sent, came.left))
        table.add_row(str(place), each.title, *timing, *counts)
    console.print(table if lines else _("There is no step yet."))


@app.command()
def add(
    context: typer.Context,
    name: str,
    tag: _Tag = "",
    date: _Field = "",
    yearly: _Yearly = False,
    offset: _Offset = 0,
    only: _Only = "",
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Create a series; it starts when a reader joins, unless --tag or --date is given."""
    from newsletter.cli.console import console
    from newsletter.mailings.series.actions import SeriesPlan, add_series

    trigger = SeriesTrigger.TAG if tag else SeriesTrigger.DATE if date else SeriesTrigger.JOINED
    plan = SeriesPlan(
        name=name,
        trigger=trigger,
        subject=tag or date,
        yearly=yearly,
        offset_days=offset,
        condition=only,
    )
    with _changing(context, newsletter, as_, Action.SERIES_ADD) as (opened, session):
        row = add_series(session, opened.actor, opened.newsletter, plan)
        number = row.id
    console.print(_("Series {number} was created.", number=number))


@app.command()
def delete(
    context: typer.Context, series: _Series, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Delete a series that never was active."""
    from newsletter.mailings.series.actions import delete_series

    with _changing(context, newsletter, as_, Action.SERIES_DELETE) as (opened, session):
        row = _find(session, opened, series)
        delete_series(session, opened.actor, row.newsletter_id, row.id, revision=row.revision)


@app.command()
def activate(
    context: typer.Context,
    series: _Series,
    joined_since: _Since = None,
    newsletter: NewsletterName = None,
    as_: As = None,
    yes: _Yes = False,
) -> None:
    """Put a series and its steps into effect, after asking."""
    from newsletter.cli.console import console
    from newsletter.database.engine import reading
    from newsletter.mailings.series.activation import activate as put_into_effect
    from newsletter.mailings.series.activation import review_activation

    permission = Permission.SEE_MAILINGS
    opened = open_newsletter(context, newsletter, as_, permission, with_keys=True)
    day = joined_since.date() if joined_since else None
    with reading(opened.engine) as session:
        row = _find(session, opened, series)
        review = review_activation(
            session,
            opened.newsletter,
            row,
            opened.settings,
            actor=opened.actor,
            joined_since=day,
        )
    for check in review.checks:
        state = _("has errors") if check.preflight.blocked else _("ready")
        console.print(labelled(check.title, state))
    count = review.members
    console.print(
        ngettext(
            "{count} reader gets the first step now.",
            "{count} readers get the first step now.",
            count,
        )
    )
    if not yes:
        confirm(_("Activate the series?"), option="--yes")
    with _changing(context, newsletter, as_, permission) as (opened, session):
        put_into_effect(
            session,
            opened.actor,
            opened.newsletter,
            row.id,
            opened.settings,
            revision=row.revision,
            digest=review.digest,
            joined_since=day,
        )


@app.command()
def enrol(
    context: typer.Context,
    series: _Series,
    joined_since: Annotated[
        datetime, typer.Option("--joined-since", formats=["%Y-%m-%d"], help="The first day.")
    ],
    newsletter: NewsletterName = None,
    as_: As = None,
    yes: _Yes = False,
) -> None:
    """Add readers who joined since a day to an active series, after asking."""
    from newsletter.database.engine import reading
    from newsletter.mailings.series.running import count_members, enrol_members

    permission = Permission.SEE_MAILINGS
    opened = open_newsletter(context, newsletter, as_, permission)
    with reading(opened.engine) as session:
        row = _find(session, opened, series)
        count = count_members(session, opened.newsletter, row, joined_since.date())
    if not yes:
        question = ngettext(
            "Send the first step to {count} member?",
            "Send the first step to {count} members?",
            count,
        )
        confirm(question, option="--yes")
    with _changing(context, newsletter, as_, permission) as (opened, session):
        enrol_members(
            session,
            opened.actor,
            opened.newsletter,
            row.id,
            joined_since=joined_since.date(),
            revision=row.revision,
        )


@app.command()
def pause(
    context: typer.Context, series: _Series, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Pause a series; nothing of it is sent."""
    from newsletter.mailings.series.running import pause_series

    with _changing(context, newsletter, as_, Action.SERIES_PAUSE) as (opened, session):
        row = _find(session, opened, series)
        pause_series(session, opened.actor, row.newsletter_id, row.id, revision=None)


@app.command()
def resume(
    context: typer.Context, series: _Series, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Resume a paused series; steps more than 7 days late are skipped."""
    from newsletter.mailings.series.running import resume_series

    with _changing(context, newsletter, as_, Action.SERIES_RESUME) as (opened, session):
        row = _find(session, opened, series)
        resume_series(session, opened.actor, row.newsletter_id, row.id, revision=None)


@app.command()
def end(
    context: typer.Context,
    series: _Series,
    newsletter: NewsletterName = None,
    as_: As = None,
    yes: _Yes = False,
) -> None:
    """End a series for good: nobody gets a further step."""
    from newsletter.mailings.series.running import end_series

    if not yes:
        confirm(_("End the series for good?"), option="--yes")
    with _changing(context, newsletter, as_, Action.SERIES_END) as (opened, session):
        row = _find(session, opened, series)
        end_series(session, opened.actor, row.newsletter_id, row.id, revision=None)


@steps.command("add")
def add_one(
    context: typer.Context,
    series: _Series,
    file: Annotated[Path, typer.Argument(help="The issue: Markdown with front matter.")],
    days: _Days = 0,
    hour: _Hour = "",
    own_clock: _OwnClock = False,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Add a step at the end, with its issue from a file."""
    from newsletter.cli.console import console
    from newsletter.cli.issues import read_file
    from newsletter.mailings.series.actions import add_step

    with _changing(context, newsletter, as_, Action.SERIES_STEP_ADD) as (opened, session):
        row = _find(session, opened, series)
        read = read_file(file, opened.newsletter.language)
        step = add_step(
            session,
            opened.actor,
            opened.newsletter,
            row.id,
            _timing(days, hour, own_clock=own_clock),
            written=read,
            revision=None,
        )
        draft = step.draft_id
    console.print(_("The step was added; its issue is draft {number}.", number=draft))


@steps.command("change")
def change(
    context: typer.Context,
    series: _Series,
    step: _Step,
    days: _Days = 0,
    hour: _Hour = "",
    own_clock: _OwnClock = False,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Change when a step is sent."""
    from newsletter.mailings.series.actions import change_step

    with _changing(context, newsletter, as_, Action.SERIES_STEP_CHANGE) as (opened, session):
        row, current = _find_step(session, opened, series, step)
        timing = _timing(days, hour, own_clock=own_clock)
        change_step(session, opened.actor, row.newsletter_id, current.id, timing, revision=None)


@steps.command("move")
def move(
    context: typer.Context,
    series: _Series,
    step: _Step,
    later: Annotated[bool, typer.Option("--later/--earlier", help="Which way.")] = False,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Swap a step with the one before it, or after it with --later."""
    from newsletter.mailings.series.actions import move_step

    with _changing(context, newsletter, as_, Action.SERIES_STEP_MOVE) as (opened, session):
        row, current = _find_step(session, opened, series, step)
        move_step(session, opened.actor, row.newsletter_id, current.id, later=later, revision=None)


@steps.command("remove")
def remove(
    context: typer.Context,
    series: _Series,
    step: _Step,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Take a step out; its issue stays among the drafts."""
    from newsletter.mailings.series.actions import remove_step

    with _changing(context, newsletter, as_, Action.SERIES_STEP_REMOVE) as (opened, session):
        row, current = _find_step(session, opened, series, step)
        remove_step(session, opened.actor, row.newsletter_id, current.id, revision=None)


@steps.command("apply")
def apply(
    context: typer.Context,
    series: _Series,
    step: _Step,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Put what a step's issue says now into effect."""
    from newsletter.mailings.series.activation import apply_step

    with _changing(context, newsletter, as_, Permission.SEE_MAILINGS) as (opened, session):
        _row, current = _find_step(session, opened, series, step)
        apply_step(
            session, opened.actor, opened.newsletter, current.id, opened.settings, revision=None
        )


@steps.command("test")
def send_test(
    context: typer.Context,
    series: _Series,
    step: _Step,
    to: Annotated[str, typer.Option(help="Addresses, between commas.")] = "",
    group: Annotated[str, typer.Option(help="A test group.")] = "",
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Send a test email of a step."""
    from newsletter.mailings.orders.test_mails import recipients_of
    from newsletter.mailings.series.activation import send_step_test
    from newsletter.services import build_services

    with _changing(context, newsletter, as_, Action.SERIES_TEST) as (opened, session):
        _row, current = _find_step(session, opened, series, step)
        addresses = recipients_of(session, opened.newsletter.id, group=group, to=to)
        send_step_test(
            session,
            opened.actor,
            opened.newsletter,
            current.id,
            addresses,
            opened.settings,
            build_services(opened.settings, opened.engine).pseudonyms,
        )


def _changing(
    context: typer.Context, newsletter: str | None, as_: str | None, purpose: Action | Permission
) -> AbstractContextManager[tuple[NewsletterContext, Session]]:
    return changing(context, newsletter, as_, purpose, with_keys=True, long=True)


def _find(session: Session, opened: NewsletterContext, name: str) -> Series:
    from newsletter.mailings.series.figures import find_series

    return find_series(session, opened.newsletter.id, name)


def _find_step(
    session: Session, opened: NewsletterContext, series: str, place: int
) -> tuple[Series, Step]:
    from newsletter.errors import NotFoundError
    from newsletter.i18n.messages import msg
    from newsletter.mailings.series.steps import list_steps

    row = _find(session, opened, series)
    steps = list_steps(session, row.id)
    if not 1 <= place <= len(steps):
        raise NotFoundError(msg("There is no such step."))
    return row, steps[place - 1]


def _timing(days: int, hour: str, *, own_clock: bool) -> Timing:
    from newsletter.mailings.series.due import read_timing

    return read_timing(days, hour, own_clock=own_clock)
