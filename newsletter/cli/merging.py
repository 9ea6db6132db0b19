"""``newsletter subscriber merge``: two people of a newsletter become one."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import text
from newsletter.cli.notes import find_number
from newsletter.cli.prompts import confirm
from newsletter.cli.state import As, Json, NewsletterName, open_newsletter


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
