"""What issues use again: search, patterns, and snippets that issues include by name.

The commands are ``newsletter issue search``, ``keep``, ``start``, ``patterns``; and ``newsletter
snippet``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import styled
from newsletter.cli.state import As, Json, NewsletterName, open_newsletter, reading_newsletter
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg

PatternName = Annotated[str, typer.Argument(help="The pattern's name.")]


def search(
    context: typer.Context,
    words: Annotated[str, typer.Argument(help="What the issue says; parts of words, too.")],
    newsletter: NewsletterName = None,
    json: Json = False,
) -> None:
    """Search all issues and drafts, down to the item."""
    from newsletter.cli.console import console, print_json
    from newsletter.issues.search import search_issues

    with reading_newsletter(context, newsletter, with_keys=True) as (session, found):
        hits = search_issues(session, found.id, words)
    if json:
        print_json(
            [
                {
                    "title": hit.title,
                    "date": hit.issue_date.isoformat(),
                    "part": hit.anchor,
                    "heading": hit.heading,
                    "passage": "".join(hit.passage),
                    "draft": hit.draft_id,
                    "language": hit.language,
                    "sent": hit.sent,
                }
                for hit in hits
            ]
        )
        return
    if not hits:
        console.print(_("No issue contains this."))
    for hit in hits:
        before, passage, after = hit.passage
        console.print(f"{hit.issue_date} {styled(hit.heading or hit.title)}")
        console.print(f"  {before}{styled(passage, 'reverse')}{after}")


def keep(
    context: typer.Context,
    name: PatternName,
    issue: Annotated[str | None, typer.Argument(help="The issue; the newest if omitted.")] = None,
    newsletter: NewsletterName = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a pattern that has this name already.")
    ] = False,
    as_: As = None,
    json: Json = False,
) -> None:
    """Save an issue as a pattern that other issues start from."""
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from newsletter.issues.model import issue_from_json
    from newsletter.issues.store import find_issue
    from newsletter.newsletters.issue_actions import keep_pattern

    opened = open_newsletter(context, newsletter, as_, Action.PATTERN_KEEP, with_keys=True)
    with reading(opened.engine) as session:
        stored = find_issue(session, opened.newsletter.id, issue)
    with transaction(opened.engine) as session:
        kept = keep_pattern(
            session,
            opened.actor,
            opened.newsletter.id,
            name,
            issue_from_json(stored.content),
            template=stored.template,
            replace=replace,
        )
        number, called = kept.id, kept.name
    if json:
        print_json({"pattern": number, "name": called})
        return
    console.print(_("Pattern {name} was saved.", name=called))


def start(
    context: typer.Context,
    name: PatternName,
    newsletter: NewsletterName = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Start the next issue as a draft from a pattern."""
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import transaction
    from newsletter.issues.drafts.reuse import find_pattern
    from newsletter.newsletters.issue_actions import start_from_pattern

    opened = open_newsletter(context, newsletter, as_, Action.ISSUE_CREATE, with_keys=True)
    with transaction(opened.engine) as session:
        draft = start_from_pattern(
            session, opened.actor, find_pattern(session, opened.newsletter.id, name)
        )
    if json:
        print_json({"draft": draft.id, "title": draft.issue.title})
        return
    console.print(
        _(
            "Draft {draft} of {date}: {title}",
            draft=draft.id,
            date=draft.issue.issue_date,
            title=draft.issue.title,
        ),
    )


def show_patterns(
    context: typer.Context, newsletter: NewsletterName = None, json: Json = False
) -> None:
    """List the patterns that issues can begin with."""
    from newsletter.cli.console import console, print_json
    from newsletter.issues.drafts.reuse import list_patterns

    with reading_newsletter(context, newsletter, with_keys=True) as (session, found):
        rows = list_patterns(session, found.id)
    if json:
        print_json([{"pattern": row.id, "name": row.name, "author": row.author} for row in rows])
        return
    if not rows:
        console.print(_("There is no pattern yet. Keep one: newsletter issue keep NAME"))
    for row in rows:
        console.print(row.name)


snippets = typer.Typer(no_args_is_help=True, help="Manage snippets, which issues include by name.")


@snippets.command("list")
def show_snippets(
    context: typer.Context, newsletter: NewsletterName = None, json: Json = False
) -> None:
    """List the snippets, and how many drafts and issues use each."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from newsletter.newsletters.snippets import list_snippets

    with reading_newsletter(context, newsletter) as (session, found):
        saved = list_snippets(session, found.id)
    if json:
        print_json([{"name": s.name, "text": s.text, "uses": len(s.uses)} for s in saved])
        return
    table = Table(_("Name"), _("Uses"), box=None)
    for snippet in saved:
        table.add_row(snippet.name, str(len(snippet.uses)))
    console.print(table if saved else _("There is no snippet yet."))


@snippets.command()
def save(
    context: typer.Context,
    name: str,
    file: Annotated[Path, typer.Argument(help="Its Markdown; - for standard input.")],
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Save a snippet, replacing an earlier one of that name; what was sent stays as it was."""
    from newsletter.cli.console import console
    from newsletter.database.engine import reading, transaction
    from newsletter.newsletters.snippets import find_snippet_number, save_snippet

    text = _read(file)
    opened = open_newsletter(context, newsletter, as_, Action.SNIPPET_SAVE)
    with reading(opened.engine) as session:
        number = find_snippet_number(session, opened.newsletter.id, name)
    with transaction(opened.engine) as session:
        row = save_snippet(
            session, opened.actor, opened.newsletter.id, name=name, text=text, number=number
        )
        kept = row.name
    console.print(f":::snippet {kept}")


def _read(file: Path) -> str:
    from newsletter.cli.files import read_text
    from newsletter.issues.sources.reading import LARGEST_ISSUE

    return read_text(file, limit=LARGEST_ISSUE)


@snippets.command()
def delete(
    context: typer.Context, name: str, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Delete a snippet that no draft uses; what was sent stays as it was."""
    from newsletter.database.engine import reading, transaction
    from newsletter.newsletters.snippets import delete_snippet, find_snippet_number

    opened = open_newsletter(context, newsletter, as_, Action.SNIPPET_DELETE)
    with reading(opened.engine) as session:
        number = find_snippet_number(session, opened.newsletter.id, name)
    if number is None:
        raise NotFoundError(msg("There is no such snippet."))
    with transaction(opened.engine) as session:
        delete_snippet(session, opened.actor, opened.newsletter.id, number)
