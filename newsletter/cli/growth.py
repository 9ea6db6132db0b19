"""``newsletter subscriber growth``: numbers of people who joined and left, by cause."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label, labelled, pgettext
from newsletter.cli.state import As, Json, NewsletterName, open_newsletter


class By(StrEnum):
    """The length of a period."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def show_growth(
    context: typer.Context,
    newsletter: NewsletterName = None,
    by: Annotated[By, typer.Option(help="How long each period is.")] = By.WEEK,
    periods: Annotated[int | None, typer.Option(min=1, max=1000, help="How many periods.")] = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Show who joined and left, and why, by day, week or month."""
    from zoneinfo import ZoneInfo

    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.newsletters.publications import day_in
    from subscribers.growth import PeriodLength, measure_growth
    from subscribers.leaving import leave_reasons_since

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_MAILINGS)
    with reading(opened.engine) as session:
        today = day_in(opened.newsletter)
        growth = measure_growth(
            session, opened.newsletter.id, today, step=PeriodLength(by.value), periods=periods
        )
        since = growth.since(ZoneInfo(opened.newsletter.time_zone))
        reasons = leave_reasons_since(session, opened.newsletter.id, since)
    if json:
        print_json(
            [
                {
                    "first": str(each.first),
                    "last": str(each.last),
                    "readers": each.readers,
                    "net": each.net,
                    "joined": {cause.value: count for cause, count in each.joined.items()},
                    "left": {cause.value: count for cause, count in each.left.items()},
                }
                for each in growth.periods
            ]
        )
        return
    table = Table(
        _("Period"),
        _("Readers"),
        pgettext("growth", "Joined"),
        pgettext("growth", "Left"),
        pgettext("growth", "Difference"),
        box=None,
    )
    for each in growth.periods:
        table.add_row(
            str(each.first),
            str(each.readers),
            f"+{each.joins}",
            f"−{each.leaves}",
            f"{each.net:+}",
        )
    console.print(table)
    for heading, counts in (
        (pgettext("growth", "Joined"), growth.joined),
        (pgettext("growth", "Left"), growth.left),
        (_("Why people unsubscribed"), reasons.counts),
    ):
        if counts:
            parts = ", ".join(f"{label(cause)} {count}" for cause, count in counts.items())
            console.print(labelled(heading, parts))
