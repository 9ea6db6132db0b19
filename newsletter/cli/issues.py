"""``newsletter issue``: import, check, translate, render, list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import styled, text
from newsletter.cli.prompts import ask
from newsletter.cli.state import (
    As,
    Json,
    NewsletterName,
    changing,
    has_database,
    open_database,
    open_newsletter,
    reading_newsletter,
    settings_of,
)
from newsletter.errors import ExitCode
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, written
from newsletter.i18n.values import Size

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from newsletter.issues.checks.findings import Finding
    from newsletter.issues.sources.reading import ReadIssue
    from newsletter.message.frame import Identity
    from newsletter.newsletters.publications import Newsletter
    from newsletter.rendering.model import Publisher, RenderedIssue
    from newsletter.rendering.preflight import Preflight
    from newsletter.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Import, check, render and list issues.")

IssueFile = Annotated[
    Path, typer.Argument(help="Markdown with front matter, or a plain-text digest.")
]


@cache
def _preview() -> Publisher:
    """Return a placeholder for the newsletter, for previews before a newsletter exists."""
    from newsletter.rendering.model import Publisher

    return Publisher(
        name="Newsletter",
        sender_name="Newsletter",
        sender_address="newsletter@example.jp",
        postal_address="(postal address)",
    )


#: Names of invisible texts.
_AFTER = {"": msg("removed"), " ": msg("a space"), "\n": written("U+000A")}


def read_file(path: Path, language: Language = Language.JAPANESE) -> ReadIssue:
    """Return the issue in a file; ``language`` is the default language.

    Raises:
        ContentError: The file cannot be read, or its content is invalid.
    """
    from newsletter.cli.files import read_octets
    from newsletter.issues.sources.reading import LARGEST_ISSUE, read_issue

    octets = read_octets(path, limit=LARGEST_ISSUE)
    return read_issue(octets, source=str(path), language=language)


def _show_reading(read: ReadIssue) -> None:

    from newsletter.cli.console import console
    from newsletter.issues.sources.reading import REASONS

    for change in read.changes:
        before = " ".join(f"U+{ord(character):04X}" for character in change.before[:4])
        after = text(_AFTER.get(change.after, change.after))
        where = _("line {line}: ", line=change.line)
        reason = text(REASONS[change.reason])
        console.print(styled(f"{where}{reason}: {before} → {after}", "dim"))
    for line in read.unplaced:
        console.print(
            _(
                "Line {line} was kept, but its place is uncertain: {text}",
                line=styled(line.line, "yellow"),
                text=line.text,
            )
        )


@app.command("import")
def import_issue(
    context: typer.Context,
    file: IssueFile,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Import an issue, replacing an earlier one with the same date and number.

    An issue that was sent, or is scheduled, is not replaced.
    """
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import transaction
    from newsletter.mailings.mailings import publisher_of
    from newsletter.newsletters.issue_actions import import_issue as save_issue
    from newsletter.rendering.render import render_issue

    opened = open_newsletter(context, newsletter, as_, Action.ISSUE_IMPORT)
    read = read_file(file, opened.newsletter.language)
    render_issue(
        read.issue,
        template=read.template or opened.newsletter.template,
        templates_dir=opened.settings.templates_dir,
        publisher=publisher_of(opened.newsletter),
    )
    with transaction(opened.engine) as session:
        row, replaced = save_issue(session, opened.actor, opened.newsletter.id, read)
    if json:
        print_json(
            {
                "issue": row.slug,
                "title": row.title,
                "replaced": replaced.title if replaced else None,
                "changes": len(read.changes),
                "unplaced": len(read.unplaced),
            }
        )
        return
    _show_reading(read)
    if replaced:
        console.print(
            _(
                "What was saved before for the same date and number was replaced: {title}",
                title=replaced.title,
            )
        )
    console.print(_("Issue {issue} was saved: {title}", issue=styled(row.slug), title=row.title))


@app.command()
def check(
    context: typer.Context, file: IssueFile, newsletter: NewsletterName = None, json: Json = False
) -> None:
    """Read, render and check an issue without saving it; show what to correct before sending.

    Where newsletters are set up, it is checked as an issue of one: with its template, look and
    snippets, and against what it has sent. Elsewhere the file alone is checked.
    """
    from newsletter.cli.console import console, print_json
    from newsletter.cli.preflight import findings_json, show_findings
    from newsletter.rendering.slots import fill

    settings = settings_of(context)
    with _newsletter_if_there(settings, newsletter) as (session, row):
        read = read_file(file, _language_of(row))
        found = _check_brought(session, read, row, settings)
    lines_of = partial(_lines_of, read)
    size = len(fill(found.rendered.html, {}).encode()) if found.rendered else 0
    if json:
        lines = [{"line": line.line, "text": line.text} for line in read.unplaced]
        print_json(
            {
                "title": read.issue.title,
                "html_octets": size,
                "changes": len(read.changes),
                "unplaced": lines,
                "findings": findings_json(found.findings, lines_of=lines_of),
            }
        )
    else:
        _show_reading(read)
        show_findings(found.findings, lines_of=lines_of)
        ready = styled(_("ready"), "green")
        verdict = styled(_("not ready"), "bold red") if found.blocked else ready
        console.print(
            _(
                "{verdict} {title} ({format}, {encoding}); HTML {size}, Gmail clips at 102 kB",
                verdict=verdict,
                title=read.issue.title,
                format=read.format,
                encoding=read.encoding,
                size=Size(size),
            )
        )
    if found.blocked:
        raise typer.Exit(ExitCode.BAD_INPUT)


def _language_of(row: Newsletter | None) -> Language:
    """Return the default language of an issue: that of the newsletter, if there is one."""
    return row.language if row else Language.JAPANESE


def _check_brought(
    session: Session | None, read: ReadIssue, row: Newsletter | None, settings: Settings
) -> Preflight:
    from newsletter.mailings.orders.readiness import check_brought
    from newsletter.rendering.preflight import run_preflight

    if session and row:
        return check_brought(session, read, row, settings)
    return run_preflight(
        read.issue,
        template=read.template or "digest",
        templates_dir=settings.templates_dir,
        publisher=_preview(),
    )


@contextmanager
def _newsletter_if_there(
    settings: Settings, name: str | None
) -> Iterator[tuple[Session | None, Newsletter | None]]:
    """Return a newsletter and its database; None if nothing is set up and none is named.

    Raises:
        NotFoundError: See `find_newsletter`.
    """
    from newsletter.database.engine import reading
    from newsletter.newsletters.publications import find_newsletter_if_any

    if name is None and not has_database(settings):
        yield None, None
        return
    with reading(open_database(settings)) as session:
        yield session, find_newsletter_if_any(session, name)


def _lines_of(read: ReadIssue, finding: Finding) -> tuple[int, int]:
    """Return the first and last line of a finding in the file; 0 if it has no line."""
    from newsletter.issues.checks.findings import IssueField
    from newsletter.issues.checks.lines import find_lines
    from newsletter.issues.sources.reading import SourceFormat

    known = finding.about and finding.about in read.text
    if read.format is SourceFormat.DIGEST and not known:
        return 0, 0
    if not finding.about and finding.place.field in {IssueField.MAIL, IssueField.SENDER}:
        return 0, 0
    return find_lines(read.text, finding)


@app.command()
def render(
    context: typer.Context,
    file: IssueFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write into.")],
    template: Annotated[str, typer.Option(help="The template, instead of the issue's own.")] = "",
    newsletter: NewsletterName = None,
    json: Json = False,
) -> None:
    """Write issue.html, issue.txt and issue.eml as a reader would receive them.

    Where newsletters are set up, it is rendered as an issue of one: with its template, look,
    snippets and sender. The links that are a reader's own lead nowhere.
    """
    from newsletter.cli.console import console, print_json
    from newsletter.cli.files import write_files
    from newsletter.message.frame import MessageFrame, Recipient
    from newsletter.rendering.model import Slot
    from newsletter.rendering.slots import fill

    settings = settings_of(context)
    with _newsletter_if_there(settings, newsletter) as (_session, row):
        rendered, identity = _render(
            read_file(file, _language_of(row)), row, settings, template=template
        )
    url = "https://example.jp/"
    slots: dict[str, str] = {slot: url for slot in Slot if slot.value.endswith("_url")}
    frame = MessageFrame.compile(
        rendered,
        identity,
        date=datetime.now(UTC),
    )
    recipient = Recipient(
        address="reader@example.jp",
        name="",
        message_id="preview@example.jp",
        unsubscribe_url=url,
        unsubscribe_token="preview",  # noqa: S106 - a placeholder
        slots=slots,
    )
    files = {
        "issue.html": fill(rendered.html, slots).encode(),
        "issue.txt": fill(rendered.text, slots).encode(),
        "issue.eml": frame.compose(recipient),
    }
    write_files(output, files)
    if json:
        print_json({name: len(octets) for name, octets in files.items()})
        return
    for name, octets in files.items():
        console.print(f"{output / name}  {styled(text(Size(len(octets))), 'dim')}")


def _render(
    read: ReadIssue, row: Newsletter | None, settings: Settings, *, template: str
) -> tuple[RenderedIssue, Identity]:
    from newsletter.database.vocabulary import MailingKind
    from newsletter.mailings.mailings import identity_of, publisher_of, sender_of
    from newsletter.message.frame import Identity
    from newsletter.rendering.render import render_issue

    publisher, ordinary = _preview(), "digest"
    identity = Identity(
        from_name=publisher.sender_name,
        from_address=publisher.sender_address,
        reply_to="",
        list_id="preview.example.jp",
        list_name=publisher.name,
        unsubscribe_address="unsubscribe@example.jp",
        feedback_id="mailing-0:list-preview:kind-issue:examplejp",
    )
    if row:
        publisher, ordinary = publisher_of(row), row.template
        identity = identity_of(row, sender_of(row), mailing="0", kind=MailingKind.ISSUE)
    rendered = render_issue(
        read.issue,
        template=template or read.template or ordinary,
        templates_dir=settings.templates_dir,
        publisher=publisher,
        site=settings.public_url,
    )
    return rendered, identity


@app.command("list")
def show_issues(
    context: typer.Context, newsletter: NewsletterName = None, json: Json = False
) -> None:
    """List the issues, newest first."""
    from rich.table import Table

    from newsletter.cli.console import console, format_day, print_json
    from newsletter.issues.store import list_issues

    with reading_newsletter(context, newsletter) as (session, found):
        rows = list_issues(session, found.id)
    if json:
        print_json([{"issue": row.slug, "title": row.title} for row in rows])
        return
    if not rows:
        console.print(_("There is no issue yet. Add one with: newsletter issue import FILE"))
        return
    table = Table(_("Issue"), _("Date"), _("Subject"), box=None)
    for row in rows:
        table.add_row(row.slug, format_day(row.issue_date), row.title)
    console.print(table)


@app.command()
def translate(
    context: typer.Context,
    issue: Annotated[str, typer.Argument(help="The issue.")],
    into: Annotated[
        str,
        typer.Option("--into", help="The language, by its tag or name: en, zh-Hans, ja-simple."),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(help="The translated Markdown; without it, what to translate is printed."),
    ] = None,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Take over the translation of an issue from a file, or print the Markdown to begin with.

    The file has the same headings as the issue, in the same order. It replaces what was translated
    into the language before. Readers get it once every part is translated.
    """
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.i18n.language import read_language
    from newsletter.issues.drafts.saving import open_issue
    from newsletter.issues.drafts.translating import progress_of
    from newsletter.issues.markdown.writer import to_markdown
    from newsletter.issues.model import issue_from_json
    from newsletter.issues.store import find_issue
    from newsletter.issues.translations import translated, unit_statuses
    from newsletter.newsletters.issue_actions import (
        add_translation,
        import_translation,
        publish_draft,
    )

    read = read_file(file) if file else None
    opened = open_newsletter(context, newsletter, as_, Action.ISSUE_TRANSLATION_IMPORT)
    if read is None:
        with reading(opened.engine) as session:
            content = issue_from_json(find_issue(session, opened.newsletter.id, issue).content)
        begun = to_markdown(translated(content, read_language(into)))
        print(begun, end="")  # noqa: T201 - the output of the command
        return
    with transaction(opened.engine) as session:
        draft = open_issue(session, opened.newsletter.id, issue, author=opened.actor.name)
        draft, tag = add_translation(session, opened.actor, draft, into)
        draft = import_translation(session, opened.actor, draft, tag, read.issue)
        publish_draft(session, opened.actor, draft)
    progress = progress_of(unit_statuses(draft.issue, tag))
    figures = {"language": tag, "done": progress.done, "parts": progress.total}
    if json:
        print_json({"issue": issue} | figures)
        return
    console.print(
        _(
            "The translation of {issue} into {language} has {done} of {parts} parts.",
            issue=styled(issue),
            **figures,
        )
    )


@app.command("picture")
def bring_picture(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="PNG, JPEG, GIF or WebP, at most 30 MB.")],
    alt: Annotated[
        str,
        typer.Option(help="The alternative text: what the picture shows; asked for if omitted."),
    ] = "",
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Add a picture, and print the Markdown that shows it in an issue."""
    from newsletter.cli.console import console, print_json
    from newsletter.cli.files import read_octets
    from newsletter.issues.library.images import LARGEST_PICTURE, encode_image
    from newsletter.issues.markdown.writer import blocks_to_markdown
    from newsletter.issues.model import Picture
    from newsletter.newsletters.issue_actions import add_picture

    alt = alt or ask(_("What does the picture show?"), option="--alt")
    encoded = encode_image(read_octets(file, limit=LARGEST_PICTURE), source=str(file))
    with changing(context, newsletter, as_, Action.ISSUE_PICTURE) as (opened, session):
        path = add_picture(session, opened.actor, opened.newsletter.id, encoded, alt=alt)
    url = f"{opened.settings.public_url}{path}"
    markdown = blocks_to_markdown((Picture(source=url, alt=alt.strip()),))
    if json:
        size = {"octets": len(encoded.content), "width": encoded.width, "height": encoded.height}
        print_json({"url": url, "markdown": markdown} | size)
        return
    console.print(markdown, soft_wrap=True)


@app.command("file")
def bring_file(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="PDF, Word, Excel, PowerPoint or CSV, at most 10 MB.")
    ],
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Add a file, and print the Markdown that offers it in an issue."""
    from newsletter.cli.console import console, print_json
    from newsletter.cli.files import read_octets
    from newsletter.issues.library.stored_files import LARGEST_FILE, file_block, read_upload
    from newsletter.issues.markdown.writer import blocks_to_markdown
    from newsletter.newsletters.issue_actions import add_file

    upload = read_upload(read_octets(file, limit=LARGEST_FILE), name=file.name)
    with changing(context, newsletter, as_, Action.ISSUE_FILE) as (opened, session):
        path = add_file(session, opened.actor, opened.newsletter.id, upload)
    block = file_block(upload, f"{opened.settings.public_url}{path}")
    markdown = blocks_to_markdown((block,))
    if json:
        kind = {"media_type": block.media_type, "octets": block.size}
        print_json({"url": block.url, "markdown": markdown} | kind)
        return
    console.print(markdown, soft_wrap=True)
