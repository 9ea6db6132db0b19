"""``newsletter subscriber``: add, export, list, merge, index, remove, suppress, erase; growth."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label, labelled, ngettext, pgettext, terminal_language, text
from newsletter.cli.list_imports import Basis, import_list, show_imports, undo_list
from newsletter.cli.notes import app as notes
from newsletter.cli.notes import find_number, show_history
from newsletter.cli.prompts import confirm
from newsletter.cli.segments import tags
from newsletter.cli.state import (
    As,
    AskedReason,
    Json,
    NewsletterName,
    open_all,
    open_database,
    open_newsletter,
    reading_newsletter,
    settings_of,
)
from newsletter.database.vocabulary import Frequency, SubscriptionState, UnsubscribeWay
from newsletter.errors import ListError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing


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


#: Seconds between two attempts, if another process is indexing.
_PAUSE = 1.0


def index(
    context: typer.Context,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Rebuild the index that people are searched by; searches stay complete meanwhile."""
    from newsletter.cli.console import console, print_json
    from subscribers.search_index import index_people, reindex_people, tidy_index

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_SUBSCRIBERS)
    reindex_people(opened.engine, opened.newsletter.id)
    while not index_people(opened.engine, seconds=60):
        time.sleep(_PAUSE)
    tidy_index(opened.engine)
    if json:
        print_json({"indexed": True})
    else:
        console.print(_("The search index was rebuilt."))


def merge(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The address that no longer receives email.")],
    into: Annotated[str, typer.Option(help="The address that is kept.")],
    take: Annotated[
        list[str] | None,
        typer.Option(help="Use the other's value: name, language, field.KEY …; may be repeated."),
    ] = None,
    newsletter: NewsletterName = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_: As = None,
    json: Json = False,
) -> None:
    """Merge two people; it cannot be undone."""
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from subscribers.merging.making import MergeOrder, merge_people
    from subscribers.merging.outlook import consequences, foresee_merge

    opened = open_newsletter(context, newsletter, as_, Action.SUBSCRIBER_MERGE)
    kept_id, merged_id = find_number(opened.engine, into), find_number(opened.engine, address)
    with reading(opened.engine) as session:
        outlook = foresee_merge(
            session, opened.actor, opened.newsletter.id, kept_id=kept_id, merged_id=merged_id
        )
    if not json:
        for sentence in consequences(outlook):
            console.print(text(sentence))
    if not yes:
        confirm(
            _("Merge {address} into {into}? It cannot be undone.", address=address, into=into),
            option="--yes",
        )
    order = MergeOrder(
        kept_id=kept_id,
        merged_id=merged_id,
        take=frozenset(take or ()),
        revision=outlook.revision,
    )
    with transaction(opened.engine) as session:
        merge_people(session, opened.actor, opened.newsletter.id, order)
    if json:
        print_json({"kept": kept_id, "merged": merged_id})
        return
    console.print(_("The two people were merged."))


app = typer.Typer(no_args_is_help=True, help="Add, import, list, remove and erase subscribers.")
app.command("growth")(show_growth)
app.command("history")(show_history)
app.add_typer(notes, name="note")
app.add_typer(tags, name="tag")
app.command("import")(import_list)
app.command("imports")(show_imports)
app.command("undo-import")(undo_list)
app.command("merge")(merge)
app.command("index")(index)


@app.command()
def add(
    context: typer.Context,
    address: str,
    basis: Basis,
    name: Annotated[
        str, typer.Option(help="The name by which the newsletter addresses them.")
    ] = "",
    language: Annotated[str, typer.Option(help="A language tag, such as en-US.")] = "",
    time_zone: Annotated[str, typer.Option(help="An IANA name, such as Asia/Tokyo.")] = "",
    frequency: Annotated[
        Frequency, typer.Option(help="How often they want mail, where digests are offered.")
    ] = Frequency.EACH,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Add one person who has consented."""
    from newsletter.cli.console import console, print_json
    from newsletter.services import build_services
    from subscribers.editing import Ground, PersonDraft, add_person
    from subscribers.joining import BY_COMMAND

    opened = open_newsletter(context, newsletter, as_, Action.SUBSCRIBER_ADD)
    number = add_person(
        opened.engine,
        opened.actor,
        opened.newsletter,
        address,
        PersonDraft(name=name, language=language, time_zone=time_zone, frequency=frequency.value),
        ground=Ground(basis=basis, source=BY_COMMAND),
        pseudonyms=build_services(opened.settings, opened.engine).pseudonyms,
    )
    if json:
        print_json({"subscriber": number})
    else:
        console.print(_("Added as number {number}.", number=number))


@app.command("export")
def export_list(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="The file to write; standard output if omitted.")
    ] = None,
    newsletter: NewsletterName = None,
    segment: Annotated[str, typer.Option(help="The name of a saved segment, or a query.")] = "",
    state: Annotated[
        SubscriptionState | None, typer.Option(help="Only subscriptions in this state.")
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="JSON lines instead of CSV.")
    ] = False,
    readable: Annotated[
        bool, typer.Option("--readable", help="CSV in words, with local times, for people to read.")
    ] = False,
    as_: As = None,
) -> None:
    """Export subscribers with their consent records; formulas in CSV are defused."""
    from newsletter.cli.console import errors
    from newsletter.cli.files import writing
    from subscribers.actions import export_people

    if json_lines and readable:
        raise ListError(
            msg("--json-lines and --readable exclude each other."),
            remedy=msg("Leave one of them out."),
        )
    opened = open_newsletter(context, newsletter, as_, Action.SUBSCRIBER_EXPORT)
    pages = export_people(
        opened.engine,
        opened.actor,
        opened.newsletter,
        segment=segment,
        state=state,
        json_lines=json_lines,
        language=terminal_language() if readable else None,
    )
    if file is None:
        sys.stdout.buffer.writelines(page.octets for page in pages)
        return
    count = 0
    with writing(file) as stream:
        for page in pages:
            stream.write(page.octets)
            count += page.people
    errors.print(ngettext("{count} subscriber exported", "{count} subscribers exported", count))


@app.command("list")
def show_subscribers(
    context: typer.Context,
    search: Annotated[
        str | None,
        typer.Argument(help="Only whose address or name begins so, or else has it anywhere."),
    ] = None,
    newsletter: NewsletterName = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The maximum number.")] = 50,
    json: Json = False,
) -> None:
    """List subscribers with the state of their subscription."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from subscribers.search import find_people, list_people

    with reading_newsletter(context, newsletter) as (session, found):
        rows = (
            find_people(session, found, search, limit=limit)
            if search
            else list_people(session, found.id, limit=limit)
        )
    if json:
        print_json(
            [{"address": row[0] or None, "name": row[1], "state": row[2].value} for row in rows]
        )
        return
    table = Table(_("Address"), _("Name"), _("State"), box=None)
    for address, name, state in rows:
        table.add_row(address or _("(erased)"), name, label(state))
    if rows:
        console.print(table)
    else:
        console.print(_("Nobody was found.") if search else _("There is no subscriber yet."))


@app.command()
def remove(
    context: typer.Context,
    address: str,
    reason: AskedReason = "",
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Unsubscribe a person from one newsletter or from all."""
    from newsletter.accounts.actors import find_actor
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.newsletters.publications import find_newsletter, list_newsletters
    from subscribers.actions import unsubscribe_person

    engine = open_database(settings_of(context))
    number = find_number(engine, address)
    with reading(engine) as session:
        slugs = {row.id: row.slug for row in list_newsletters(session)}
        only = find_newsletter(session, newsletter).id if newsletter else None
    actor = find_actor(engine, as_, Action.SUBSCRIBER_UNSUBSCRIBE, only)
    ids = list(slugs) if only is None else [only]
    with transaction(engine) as session:
        left = unsubscribe_person(session, actor, number, newsletter_ids=ids, reason=reason)
    names = [slugs[each] for each in left]
    if json:
        print_json({"left": names})
    else:
        console.print(
            _("Unsubscribed from: {names}.", names=Listing(tuple(names)))
            if names
            else _("There was no subscription.")
        )


@app.command()
def suppress(
    context: typer.Context,
    address: str,
    reason: AskedReason = "",
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Suppress an address for a newsletter; see newsletter suppression."""
    from newsletter.cli.console import console
    from newsletter.database.engine import transaction
    from subscribers.actions import suppress_person

    opened = open_newsletter(context, newsletter, as_, Action.SUBSCRIBER_SUPPRESS)
    number = find_number(opened.engine, address)
    with transaction(opened.engine) as session:
        suppress_person(session, opened.actor, opened.newsletter.id, number, reason=reason)
    console.print(_("The address was suppressed."))


@app.command()
def erase(
    context: typer.Context,
    address: str,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_: As = None,
) -> None:
    """Erase a person's data permanently; a keyed hash prevents imports from adding them again."""
    from newsletter.cli.console import console
    from newsletter.database.engine import transaction
    from newsletter.services import build_services
    from subscribers.actions import erase_person

    opened = open_all(context, as_, Action.SUBSCRIBER_ERASE)
    number = find_number(opened.engine, address)
    if not yes:
        confirm(
            _("Erase {address} and all data about this person?", address=address), option="--yes"
        )
    with transaction(opened.engine) as session:
        erase_person(
            session,
            opened.actor,
            number,
            build_services(opened.settings, opened.engine).pseudonyms,
            way=UnsubscribeWay.OPERATOR,
        )
    console.print(_("The person’s data was erased."))
