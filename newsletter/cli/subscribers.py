"""``newsletter subscriber``: add, import, export, list, remove, erase."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from newsletter.accounts.permissions import Permission
from newsletter.cli.growth import show_growth
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label, ngettext, terminal_language, text
from newsletter.cli.list_imports import show_imports, undo_list
from newsletter.cli.merging import merge
from newsletter.cli.notes import app as notes
from newsletter.cli.notes import find_number, show_history
from newsletter.cli.prompts import confirm
from newsletter.cli.state import (
    As,
    Json,
    NewsletterName,
    open_database,
    open_newsletter,
    settings_of,
)
from newsletter.cli.tags import app as tags
from newsletter.database.vocabulary import Frequency, GrowthCause, SubscriptionState, UnsubscribeWay
from newsletter.errors import ExitCode, ListError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing, Number

if TYPE_CHECKING:
    from rich.progress import Progress

    from subscribers.lists.imports import ImportReport

_SHOWN = 20


class OnExisting(StrEnum):
    """What an import does with people who are known."""

    KEEP = "keep"
    UPDATE = "update"


app = typer.Typer(no_args_is_help=True, help="Add, import, list, remove and erase subscribers.")
app.command("growth")(show_growth)
app.command("history")(show_history)
app.add_typer(notes, name="note")
app.add_typer(tags, name="tag")
app.command("imports")(show_imports)
app.command("undo-import")(undo_list)
app.command("merge")(merge)

Basis = Annotated[str, typer.Option(help="The basis of consent, such as 'web form 2026'.")]


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
    from newsletter.database.engine import transaction
    from newsletter.services import build_services
    from subscribers.actions import record_import
    from subscribers.joining import BY_COMMAND
    from subscribers.lists.files import Record
    from subscribers.lists.imports import ImportOptions, import_records

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_SUBSCRIBERS)
    options = ImportOptions(
        source=BY_COMMAND,
        basis=basis,
        language=opened.newsletter.language,
        pseudonyms=build_services(opened.settings, opened.engine).pseudonyms,
        cause=GrowthCause.HAND,
    )
    values = {"email": address, "name": name, "language": language, "time_zone": time_zone}
    if frequency is not Frequency.EACH:
        values["frequency"] = frequency.value
    with transaction(opened.engine) as session:
        record_import(
            session, opened.actor, opened.newsletter.id, name="one address", basis=basis, rows=1
        )
    row = Record(1, tuple(values), tuple(values.values()))
    done = import_records(opened.engine, opened.newsletter.id, iter([row]), options)
    _finish(done, json=json)


@app.command("import")
def import_list(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV, TSV or JSON lines (.jsonl, .ndjson).")],
    basis: Basis,
    wording: Annotated[str, typer.Option(help="The wording that they consented to.")] = "",
    source: Annotated[str, typer.Option(help="The source of the list; the file if omitted.")] = "",
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="COLUMN=address, name, language, tags, field.KEY …"),
    ] = None,
    new_fields: Annotated[
        bool, typer.Option("--new-fields", help="Add the other columns as new fields.")
    ] = False,
    tag: Annotated[list[str] | None, typer.Option(help="Tag everybody on the list.")] = None,
    on_existing: Annotated[
        OnExisting, typer.Option(help="Keep the existing data of known people, or update it.")
    ] = OnExisting.KEEP,
    report: Annotated[
        Path | None, typer.Option(help="Write all problems to this CSV file.")
    ] = None,
    newsletter: NewsletterName = None,
    dry_run: Annotated[
        bool, typer.Option(help="Show what would happen without changing anything.")
    ] = False,
    as_: As = None,
    json: Json = False,
) -> None:
    """Import people who have consented; an interrupted import can be run again."""
    from newsletter.accounts.command_line import find_actor
    from newsletter.cli.console import progress_bar
    from newsletter.database.engine import reading, transaction
    from newsletter.services import build_services
    from subscribers.actions import record_import
    from subscribers.fields.actions import add_fields
    from subscribers.fields.store import list_fields
    from subscribers.lists.columns import list_records
    from subscribers.lists.exports import problem_writer
    from subscribers.lists.files import digest_of
    from subscribers.lists.formats import IGNORED
    from subscribers.lists.imports import ImportOptions, import_records
    from subscribers.lists.new_fields import NewFields, find_new_fields

    opened = open_newsletter(context, newsletter, as_, Permission.SEE_SUBSCRIBERS)
    with reading(opened.engine) as session:
        known = list_fields(session, opened.newsletter.id)
    if not dry_run:
        with transaction(opened.engine) as session:
            record_import(
                session, opened.actor, opened.newsletter.id, name=file.name, basis=basis, rows=None
            )
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(file.open("rb"))
            problems = (
                stack.enter_context(report.open("a", encoding="utf-8", newline=""))
                if report
                else None
            )
        except OSError as error:
            raise ListError(
                msg("The file cannot be opened: {reason}.", reason=error.strerror),
                place=Place(source=str(file)),
            ) from None
        mapping = _mapping(columns or [])
        new = NewFields()
        if new_fields:
            with file.open("rb") as whole:
                new = find_new_fields(
                    list_records(whole, file_name=file.name, source=str(file), chosen=mapping),
                    mapping,
                    known=known,
                    language=opened.newsletter.language,
                    source=str(file),
                    left_out={name for name, ours in mapping.items() if ours == IGNORED},
                )
            if new.fields and not dry_run:
                owner = find_actor(opened.engine, as_, Permission.ADMINISTER, opened.newsletter.id)
                with transaction(opened.engine) as session:
                    add_fields(session, owner, opened.newsletter.id, new.fields)
        how = (basis, wording, on_existing, str(new_fields), *(columns or []), *(tag or []))
        options = ImportOptions(
            source=source or file.name,
            file_name=file.name,
            basis=basis,
            wording=wording,
            language=opened.newsletter.language,
            columns={**mapping, **new.columns},
            new_fields=new.fields if dry_run else (),
            update=on_existing is OnExisting.UPDATE,
            tags=tuple(tag or ()),
            dry_run=dry_run,
            digest=digest_of(stream, *how),
            pseudonyms=build_services(opened.settings, opened.engine).pseudonyms,
        )
        bar = stack.enter_context(progress_bar(_("Importing"), quiet=json, octets=True))
        advance = _advance(bar, stream, file.stat().st_size)
        done = import_records(
            opened.engine,
            opened.newsletter.id,
            list_records(stream, file_name=file.name, source=str(file), chosen=mapping),
            options,
            progress=advance,
            on_problem=problem_writer(problems, terminal_language())
            if problems
            else lambda _problem: None,
        )
    _finish(done, json=json)


def _advance(bar: Progress, stream: BinaryIO, size: int) -> Callable[[int], None]:
    """Return what moves the bar by octets read, and shows rows a second."""
    task = bar.add_task("", total=size)
    began, rows = time.monotonic(), 0

    def advance(count: int) -> None:
        nonlocal rows
        rows += count
        rate = rows / max(time.monotonic() - began, 0.001)
        bar.update(
            task,
            completed=stream.tell(),
            description=_("{rows} rows, {rate}/s", rows=Number(rows), rate=Number(round(rate))),
        )

    return advance


def _mapping(pairs: list[str]) -> dict[str, str]:
    from subscribers.lists.columns import KNOWN_COLUMNS

    mapping = {}
    for pair in pairs:
        column, sign, ours = pair.rpartition("=")
        if not sign or not (ours in KNOWN_COLUMNS or ours.startswith("field.")):
            raise ListError(
                msg("“{column}” does not assign a column.", column=pair),
                place=Place(source="--map"),
                remedy=msg(
                    "Write COLUMN=…, one of {names}, field.KEY.",
                    names=Listing(tuple(KNOWN_COLUMNS)),
                ),
            )
        mapping[column] = ours
    return mapping


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
        bool, typer.Option(help="CSV in words, with local times, for people to read.")
    ] = False,
    as_: As = None,
) -> None:
    """Export subscribers with their consent records; formulas in CSV are defused."""
    from newsletter.cli.console import errors
    from subscribers.actions import export_people

    if json_lines and readable:
        raise ListError(
            msg("--json-lines and --readable exclude each other."),
            remedy=msg("Leave one of them out."),
        )
    opened = open_newsletter(context, newsletter, as_, Permission.SEE_SUBSCRIBERS)
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
        sys.stdout.writelines(page.text for page in pages)
        return
    count = 0
    try:
        with file.open("w", encoding="utf-8", newline="") as stream:
            for page in pages:
                stream.write(page.text)
                count += page.people
    except OSError as error:
        raise ListError(
            msg("The file cannot be opened: {reason}.", reason=error.strerror),
            place=Place(source=str(file)),
        ) from None
    errors.print(ngettext("{count} subscriber exported", "{count} subscribers exported", count))


def _finish(report: ImportReport, *, json: bool) -> None:
    from newsletter.cli.console import console, print_json
    from subscribers.lists.imports import Counts

    if json:
        refused = [
            {"line": row.line, "address": row.address, "reason": str(row.reason)}
            for row in report.refused
        ]
        warned = [
            {"line": one.line, "field": one.field, "value": one.value, "problem": str(one.problem)}
            for one in report.warned
        ]
        counts = {name: getattr(report, name) for name in asdict(Counts())}
        print_json(counts | {"refused": refused, "warned": warned})
    else:
        _name_problems(report)
        if report.resumed_after:
            console.print(
                _(
                    "Continued after {count} rows that were done before.",
                    count=Number(report.resumed_after),
                )
            )
        console.print(
            _(
                "{added} added, {updated} updated, {unchanged} unchanged, {warnings} with a "
                "warning, {refused} refused",
                added=Number(report.added),
                updated=Number(report.updated),
                unchanged=Number(report.unchanged),
                warnings=Number(report.warnings),
                refused=Number(report.refusals),
            )
        )
        if report.unsubscribed or report.pending or report.suppressed:
            console.print(
                _(
                    "According to the list, these receive no email: {unsubscribed} unsubscribed, "
                    "{pending} not confirmed; {suppressed} addresses suppressed",
                    unsubscribed=Number(report.unsubscribed),
                    pending=Number(report.pending),
                    suppressed=Number(report.suppressed),
                )
            )
    if report.refusals:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _name_problems(report: ImportReport) -> None:
    """Print the first rows that were refused, and the first warnings, of each kind at least one."""
    from rich.markup import escape

    from newsletter.cli.console import console

    for row in report.refused[:_SHOWN]:
        where = f"[yellow]{_('line {line}', line=row.line)}[/]"
        if row.address.strip():
            where += f" {escape(row.address)}"
        console.print(_("{where}: {reason}", where=where, reason=escape(text(row.reason))))
    if report.refusals > _SHOWN:
        console.print(
            _(
                "… and {count} more; --report FILE lists them all.",
                count=Number(report.refusals - _SHOWN),
            )
        )
    for one in report.warned:
        quoted = f"“{one.value}”" if one.value.strip() else ""
        parts = escape(" ".join(filter(None, (one.field, quoted))))
        where = f"[yellow]{_('line {line}', line=one.line)}[/] {parts}"
        console.print(_("{where}: {reason}", where=where, reason=escape(text(one.problem))))
    if report.warnings > len(report.warned):
        console.print(
            _(
                "… and {count} more warnings; --report FILE lists them all.",
                count=Number(report.warnings - len(report.warned)),
            )
        )


@app.command("list")
def show_subscribers(
    context: typer.Context,
    newsletter: NewsletterName = None,
    limit: Annotated[int, typer.Option(help="The maximum number.")] = 50,
    json: Json = False,
) -> None:
    """List subscribers with the state of their subscription."""
    from rich.markup import escape
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading
    from newsletter.newsletters.publications import find_newsletter
    from subscribers.search import list_people

    with reading(open_database(settings_of(context))) as session:
        newsletter_id = find_newsletter(session, newsletter).id
        rows = list_people(session, newsletter_id, limit=limit)
    if json:
        print_json(
            [{"address": row[0] or None, "name": row[1], "state": row[2].value} for row in rows]
        )
        return
    table = Table(_("Address"), _("Name"), _("State"), box=None)
    for address, name, state in rows:
        table.add_row(escape(address or _("(erased)")), escape(name), label(state))
    console.print(table if rows else _("There is no subscriber yet."))


Reason = Annotated[str, typer.Option(help="The reason, for the audit log.")]


@app.command()
def remove(
    context: typer.Context,
    address: str,
    newsletter: NewsletterName = None,
    reason: Reason = "asked to leave",
    as_: As = None,
    json: Json = False,
) -> None:
    """Unsubscribe a person from one newsletter or from all."""
    from newsletter.accounts.command_line import find_actor
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.newsletters.publications import find_newsletter, list_newsletters
    from subscribers.actions import unsubscribe_person

    engine = open_database(settings_of(context))
    number = find_number(engine, address)
    with reading(engine) as session:
        slugs = {row.id: row.slug for row in list_newsletters(session)}
        only = find_newsletter(session, newsletter).id if newsletter else None
    actor = find_actor(engine, as_, Permission.SEE_SUBSCRIBERS, only)
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
    reason: Reason,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Suppress an address for a newsletter; see newsletter suppression."""
    from newsletter.accounts.command_line import find_actor
    from newsletter.cli.console import console
    from newsletter.database.engine import reading, transaction
    from newsletter.newsletters.publications import find_newsletter
    from subscribers.actions import suppress_person

    engine = open_database(settings_of(context))
    number = find_number(engine, address)
    with reading(engine) as session:
        newsletter_id = find_newsletter(session, newsletter).id
    actor = find_actor(engine, as_, Permission.SEE_SUBSCRIBERS, newsletter_id)
    with transaction(engine) as session:
        suppress_person(session, actor, newsletter_id, number, reason=reason)
    console.print(_("The address was suppressed."))


@app.command()
def erase(
    context: typer.Context,
    address: str,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_: As = None,
) -> None:
    """Erase a person's data permanently; a keyed hash prevents imports from adding them again."""
    from newsletter.accounts.command_line import find_actor
    from newsletter.cli.console import console
    from newsletter.database.engine import transaction
    from newsletter.services import build_services
    from subscribers.actions import erase_person

    settings = settings_of(context)
    engine = open_database(settings)
    number = find_number(engine, address)
    if not yes:
        confirm(
            _("Erase {address} and all data about this person?", address=address), option="--yes"
        )
    actor = find_actor(engine, as_, Permission.ADMINISTER)
    with transaction(engine) as session:
        erase_person(
            session,
            actor,
            number,
            build_services(settings, engine).pseudonyms,
            way=UnsubscribeWay.OPERATOR,
        )
    console.print(_("The person’s data was erased."))
