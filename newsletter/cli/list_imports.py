"""``newsletter subscriber import``, ``imports`` and ``undo-import``: imports of lists."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from enum import StrEnum
from io import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.import_report import finish_import
from newsletter.cli.language import gettext as _
from newsletter.cli.language import styled, terminal_language, text
from newsletter.cli.prompts import confirm
from newsletter.cli.state import (
    As,
    Json,
    NewsletterContext,
    NewsletterName,
    open_database,
    open_newsletter,
    reading_newsletter,
    settings_of,
)
from newsletter.errors import ListError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing, Number

if TYPE_CHECKING:
    from rich.progress import Progress

    from subscribers.lists.columns.columns import ColumnAnswers
    from subscribers.lists.columns.new_fields import NewFields
    from subscribers.lists.columns.questions import ColumnQuestion
    from subscribers.lists.parsers.files import ListFile
    from subscribers.lists.words.formats import ListState


Basis = Annotated[str, typer.Option(help="The basis of consent, such as 'web form 2026'.")]


class OnExisting(StrEnum):
    """How an import handles people who are on the list already."""

    KEEP = "keep"
    UPDATE = "update"


def import_list(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="Excel (.xlsx), LibreOffice (.ods), CSV, TSV, text, JSON, XML, vCard or LDIF."
        ),
    ],
    basis: Basis,
    wording: Annotated[str, typer.Option(help="The wording that they consented to.")] = "",
    source: Annotated[str, typer.Option(help="The source of the list; the file if omitted.")] = "",
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="COLUMN=address, name, opt_in, field.KEY, language, tags, other …"
        ),
    ] = None,
    states: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            help="VALUE=confirmed, unsubscribed, pending, bounced, never: what a state means.",
        ),
    ] = None,
    others_harmless: Annotated[
        bool,
        typer.Option(
            "--other-columns-harmless", help="No other column says who wants email; do not ask."
        ),
    ] = False,
    new_fields: Annotated[
        bool, typer.Option("--new-fields", help="Add the other columns as new fields.")
    ] = False,
    encoding: Annotated[
        str, typer.Option(help="The encoding of the list, if it is not recognised: cp1252 …")
    ] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Tag everybody on the list.")] = None,
    on_existing: Annotated[
        OnExisting, typer.Option(help="Keep the existing data of known people, or update it.")
    ] = OnExisting.KEEP,
    report: Annotated[
        Path | None, typer.Option(help="Write all problems to this CSV file.")
    ] = None,
    newsletter: NewsletterName = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would happen without changing anything.")
    ] = False,
    as_: As = None,
    json: Json = False,
) -> None:
    """Import people who have consented; an interrupted import can be run again."""
    from newsletter.cli.console import progress_bar
    from newsletter.cli.files import appending, opened_file
    from newsletter.database.engine import transaction
    from newsletter.services import build_services
    from subscribers.actions import record_import
    from subscribers.lists.columns.new_fields import NewFields
    from subscribers.lists.exports.exports import problem_writer
    from subscribers.lists.imports.imports import ImportOptions, import_records, refuse_unanswered
    from subscribers.lists.parsers.files import digest_of, opened_list

    opened = open_newsletter(context, newsletter, as_, Action.SUBSCRIBER_IMPORT)
    mapping, answers = _mapping(columns or [])
    options = ImportOptions(
        source=source or file.name,
        file_name=file.name,
        basis=basis,
        wording=wording,
        language=opened.newsletter.language,
        columns=mapping,
        answers=replace(answers, states=_meanings(states or [])),
        others_unrelated=others_harmless,
        update=on_existing is OnExisting.UPDATE,
        tags=tuple(tag or ()),
        dry_run=dry_run,
        pseudonyms=build_services(opened.settings, opened.engine).pseudonyms,
    )
    # Options that distinguish this import from an interrupted one of the same file.
    how = [basis, wording, on_existing, str(new_fields), *(columns or []), *(tag or [])]
    how += filter(None, [encoding])
    how += [f"--state {each}" for each in states or ()]
    with ExitStack() as stack:
        octets = stack.enter_context(opened_file(file))
        listed = stack.enter_context(
            opened_list(octets, name=file.name, source=str(file), encoding=encoding)
        )
        problems = stack.enter_context(appending(report)) if report else None
        with _asking_about_columns():
            begun = listed.records(mapping)
            options = refuse_unanswered(opened.engine, opened.newsletter.id, begun, options)
        if not dry_run:
            with transaction(opened.engine) as session:
                record_import(
                    session,
                    opened.actor,
                    opened.newsletter.id,
                    name=file.name,
                    basis=basis,
                    rows=None,
                )
        new = NewFields()
        if new_fields:
            new = _add_new_fields(opened, as_, listed, mapping, dry_run=dry_run)
        options = replace(
            options,
            columns={**mapping, **new.columns},
            new_fields=new.fields if dry_run else (),
            digest=digest_of(listed.text, *how),
            made_fields=tuple(each.key for each in new.fields),
        )
        size = listed.text.seek(0, SEEK_END)
        bar = stack.enter_context(progress_bar(_("Importing"), quiet=json, octets=True))
        done = import_records(
            opened.engine,
            opened.newsletter.id,
            listed.records(mapping),
            options,
            progress=_advance(bar, listed.text, size),
            on_problem=problem_writer(problems, terminal_language())
            if problems
            else lambda _problem: None,
        )
    finish_import(done, listed.encoding, makes_fields=new_fields, dry_run=dry_run, json=json)


def _add_new_fields(
    opened: NewsletterContext,
    as_: str | None,
    listed: ListFile,
    mapping: dict[str, str],
    *,
    dry_run: bool,
) -> NewFields:
    """Determine the new fields for columns, and add them unless this is a dry run.

    Raises:
        NewsletterError: The actor may not add fields, or a column cannot become a field.
    """
    from newsletter.accounts.actors import find_actor
    from newsletter.database.engine import reading, transaction
    from subscribers.fields.actions import add_fields
    from subscribers.fields.store import list_fields
    from subscribers.lists.columns.new_fields import find_new_fields
    from subscribers.lists.words.formats import IGNORED

    with reading(opened.engine) as session:
        known = list_fields(session, opened.newsletter.id)
    new = find_new_fields(
        listed.records(mapping),
        mapping,
        known=known,
        language=opened.newsletter.language,
        source=listed.source,
        left_out={name for name, ours in mapping.items() if ours == IGNORED},
    )
    if new.fields and not dry_run:
        owner = find_actor(opened.engine, as_, Action.FIELD_ADD, opened.newsletter.id)
        with transaction(opened.engine) as session:
            add_fields(session, owner, opened.newsletter.id, new.fields)
    return new


@contextmanager
def _asking_about_columns() -> Iterator[None]:
    """Exit with questions if a list has columns whose meaning must be confirmed.

    Raises:
        typer.Exit: There are such columns.
    """
    from subscribers.lists.columns.questions import UnclearColumnError

    try:
        yield
    except UnclearColumnError as unclear:
        _ask_about(unclear.questions)
        raise typer.Exit(unclear.exit_code) from None


def _ask_about(questions: Sequence[ColumnQuestion]) -> None:
    """Print the columns that may state who wants mail, with samples and possible answers."""
    from newsletter.cli.console import errors
    from subscribers.lists.columns.questions import MEANINGS, QuestionKind
    from subscribers.lists.words.formats import ListState

    label = styled(_("Please answer"), "bold red")
    columns = [each for each in questions if each.kind is not QuestionKind.STATES]
    question = (
        _("It is unclear whether these columns say who wants your email. Nothing was imported.")
        if columns
        else _("It is unclear what these values say of people. Nothing was imported.")
    )
    errors.print(f"{label} {question}", soft_wrap=True)
    answers: list[str] = []
    for each in questions:
        errors.print(f"\n  {styled(text(each.title), 'bold')}", soft_wrap=True)
        errors.print(f"    {text(each.held)}", soft_wrap=True)
        if each.kind is QuestionKind.STATES:
            for state, meaning in MEANINGS.items():
                option = f"--state {_('VALUE')}={state}"
                errors.print(f"    {option}   {text(meaning)}", soft_wrap=True)
            for value, _count in each.values:
                said = dict(each.meanings).get(value, ListState.NEVER)
                answers += "--state", f"{value}={said}"
            continue
        for ours, meaning in each.choices.items():
            option = shlex.join(("--map", f"{each.column}={ours}"))
            errors.print(f"    {option}   {text(meaning)}", soft_wrap=True)
        if each.likely:
            answers += "--map", f"{each.column}={each.likely}"
    if columns:
        advice = _(
            "If none of them says it, repeat the command with --other-columns-harmless. Else "
            "correct the answers in this command, which assumes that all do:"
        )
        if not all(each.likely for each in columns):
            advice = _(
                "If none of them says it, repeat the command with --other-columns-harmless. Else "
                "correct this command, and add an answer for each column that it leaves out, since "
                "its name does not tell what its values mean:"
            )
    elif any(each.meanings for each in questions):
        advice = _("Check the meanings in this command, which are those of the list’s own legend:")
    else:
        advice = _("Correct the meanings in this command, which imports nobody with such a value:")
    errors.print(f"\n{advice}", soft_wrap=True)
    errors.print(shlex.join(("newsletter", *sys.argv[1:], *answers)), soft_wrap=True)


def show_imports(
    context: typer.Context,
    newsletter: NewsletterName = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The maximum number.")] = 20,
    json: Json = False,
) -> None:
    """List the lists imported into a newsletter, the newest first."""
    from rich.table import Table

    from newsletter.cli.console import console, in_utc, print_json
    from subscribers.lists.imports.imports import earlier_imports

    with reading_newsletter(context, newsletter) as (session, found):
        imports = earlier_imports(session, found.id, limit=limit)
    if json:
        print_json(
            [
                {
                    "import": one.id,
                    "list": one.source,
                    "started": one.started_at.isoformat(),
                    "undone": one.undone_at.isoformat() if one.undone_at else None,
                    **one.counts,
                }
                for one in imports
            ]
        )
        return
    table = Table(_("Import"), _("List"), _("Started"), _("Added"), _("Updated"), box=None)
    for one in imports:
        counts = (text(Number(one.counts[count])) for count in ("added", "updated"))
        table.add_row(str(one.id), one.source, in_utc(one.started_at), *counts)
    console.print(table if imports else _("No list was imported yet."))


def undo_list(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="IMPORT", help="Its number in imports.")],
    newsletter: NewsletterName = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_: As = None,
    json: Json = False,
) -> None:
    """Undo a mistaken import as a whole; an interrupted undoing can be run again."""
    from newsletter.accounts.actors import find_actor
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.newsletters.publications import find_newsletter
    from subscribers.actions import undo_list_import
    from subscribers.lists.imports.undo import find_import, foresee, undo_import, undone_of

    engine = open_database(settings_of(context))
    with reading(engine) as session:
        newsletter_id = find_newsletter(session, newsletter).id
        row = find_import(session, newsletter_id, number)
        outlook = foresee(session, row)
    if row.undo_ordered_at is None or row.undone_at is not None:
        if not yes:
            confirm(
                _(
                    "Undo the import of {list} ({added} added, {changed} changed)?",
                    list=outlook.source,
                    added=Number(outlook.added),
                    changed=Number(outlook.changed),
                ),
                option="--yes",
            )
        actor = find_actor(engine, as_, Action.SUBSCRIBER_IMPORT_UNDO, newsletter_id)
        with transaction(engine) as session:
            undo_list_import(session, actor, newsletter_id, number)
    undo_import(engine, number)
    with reading(engine) as session:
        undone = undone_of(find_import(session, newsletter_id, number))
    if json:
        print_json(asdict(undone))
        return
    console.print(
        _(
            "{removed} removed, {restored} restored, {kept} left as they are",
            removed=Number(undone.removed),
            restored=Number(undone.restored),
            kept=Number(undone.kept),
        )
    )
    if undone.fields_removed:
        console.print(_("Fields removed: {names}", names=Listing(undone.fields_removed)))
    if undone.fields_kept:
        names = Listing(undone.fields_kept)
        console.print(_("Fields that stay, since they are used: {names}", names=names))


def _advance(bar: Progress, stream: BinaryIO, size: int) -> Callable[[int], None]:
    """Return a function that advances the bar by the read octets, and shows rows per second."""
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


def _mapping(pairs: list[str]) -> tuple[dict[str, str], ColumnAnswers]:
    """Return the mapping of columns, and the answers to questions about columns."""
    from subscribers.lists.columns.columns import KNOWN_COLUMNS, REMARK, UNRELATED, ColumnAnswers
    from subscribers.lists.parsers.column_guesses import FIELD
    from subscribers.lists.words.formats import IGNORED

    mapping: dict[str, str] = {}
    said: dict[str, set[str]] = {UNRELATED: set(), REMARK: set(), IGNORED: set()}
    words = (*KNOWN_COLUMNS, UNRELATED, REMARK)
    for pair in pairs:
        column, sign, ours = pair.rpartition("=")
        if not sign or not (ours in words or ours.startswith(FIELD)):
            raise ListError(
                msg("“{column}” does not assign a column.", column=pair),
                place=Place(source="--map"),
                remedy=msg("Write COLUMN=…, one of {names}, field.KEY.", names=Listing(words)),
            )
        if ours in KNOWN_COLUMNS or ours.startswith(FIELD):
            mapping[column] = ours
        if ours in said or ours.startswith(FIELD):
            said[UNRELATED if ours.startswith(FIELD) else ours].add(column)
    return mapping, ColumnAnswers(
        unrelated=said[UNRELATED], heeded=said[REMARK], left_out=said[IGNORED]
    )


def _meanings(pairs: list[str]) -> dict[str, ListState]:
    """Return the given meanings of words for states."""
    from subscribers.lists.columns.columns import meanings_of
    from subscribers.lists.columns.questions import MEANINGS

    words: dict[str, str] = {}
    for pair in pairs:
        word, _sign, meaning = pair.rpartition("=")
        if not word or meaning not in MEANINGS:
            raise ListError(
                msg("“{value}” does not say what a value means.", value=pair),
                place=Place(source="--state"),
                remedy=msg("Write VALUE=…, one of {names}.", names=Listing(tuple(MEANINGS))),
            )
        words[word] = meaning
    return meanings_of(words)
