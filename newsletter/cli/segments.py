"""Groups of people: ``newsletter segment`` for saved queries, ``newsletter subscriber tag``.

A segment shows the people who match it now; a tag is added to many people at once, or removed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import labelled, ngettext
from newsletter.cli.notes import find_number
from newsletter.cli.prompts import confirm
from newsletter.cli.state import (
    As,
    Json,
    NewsletterName,
    changing,
    open_newsletter,
    reading_newsletter,
)
from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number

app = typer.Typer(no_args_is_help=True, help="Save, show and try segments (docs/lists.md).")


@app.command()
def add(
    context: typer.Context,
    name: str,
    query: Annotated[str, typer.Argument(help='Such as: tag = "press"')],
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Save a segment."""
    from newsletter.cli.console import console
    from subscribers.actions import save_segment
    from subscribers.segments.saved import count_segment

    with changing(context, newsletter, as_, Action.SEGMENT_SAVE) as (opened, session):
        query = save_segment(
            session, opened.actor, opened.newsletter.id, name=name, query=query
        ).query
        count = count_segment(session, opened.newsletter, query)
    console.print(f"{labelled(name, query)}\n{_now(count)}")


def _now(count: int) -> str:
    return ngettext("{count} subscriber now", "{count} subscribers now", count)


@app.command("list")
def list_all(context: typer.Context, newsletter: NewsletterName = None, json: Json = False) -> None:
    """List the saved segments."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from subscribers.segments import saved

    with reading_newsletter(context, newsletter) as (session, found):
        rows = saved.list_segments(session, found.id)
    if json:
        print_json([{"name": row.name, "query": row.query} for row in rows])
        return
    table = Table(_("Name"), _("Query"), box=None)
    for row in rows:
        table.add_row(row.name, row.query)
    console.print(table if rows else _("There is no segment yet."))


@app.command()
def show(
    context: typer.Context,
    segment: Annotated[str, typer.Argument(help="The name of a saved segment, or a query.")],
    newsletter: NewsletterName = None,
    count: Annotated[
        bool, typer.Option("--count", help="Show how many subscribers match now.")
    ] = False,
    sample: Annotated[int, typer.Option(min=0, max=1000, help="Show this many addresses.")] = 0,
    json: Json = False,
) -> None:
    """Show a segment and who matches it; nothing is changed."""
    from newsletter.cli.console import console, print_json
    from subscribers.segments import saved

    with reading_newsletter(context, newsletter) as (session, found):
        query = saved.segment_text(session, found.id, segment)
        size = saved.count_segment(session, found, query) if count else None
        people = saved.sample_segment(session, found, query, size=sample)
    if json:
        print_json({"query": query, "count": size, "sample": list(people)})
        return
    console.print(query)
    if size is not None:
        console.print(_now(size))
    for address in people:
        console.print(f"  {address}")


@app.command()
def delete(
    context: typer.Context, name: str, newsletter: NewsletterName = None, as_: As = None
) -> None:
    """Delete a saved segment; existing mailings keep its query."""
    from subscribers.actions import delete_segment

    with changing(context, newsletter, as_, Action.SEGMENT_DELETE) as (opened, session):
        delete_segment(session, opened.actor, opened.newsletter.id, name)


tags = typer.Typer(no_args_is_help=True, help="Tag many people at once.")

_Tag = Annotated[str, typer.Argument(help="The tag.")]
_Address = Annotated[
    list[str] | None, typer.Option("--address", help="The address of a person; may be repeated.")
]
_Segment = Annotated[str, typer.Option(help="The name of a saved segment, or a query.")]
_Tagged = Annotated[str, typer.Option("--tagged", help="Only those who have this tag.")]
_State = Annotated[SubscriptionState | None, typer.Option(help="Only subscriptions in this state.")]
_Everybody = Annotated[bool, typer.Option("--everybody", help="Everybody on the list.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def _command(*, given: bool) -> Callable[..., None]:
    def command(
        context: typer.Context,
        tag: _Tag,
        address: _Address = None,
        segment: _Segment = "",
        tagged: _Tagged = "",
        state: _State = None,
        everybody: _Everybody = False,
        newsletter: NewsletterName = None,
        yes: _Yes = False,
        as_: As = None,
        json: Json = False,
    ) -> None:
        whom = _Whom(
            address or [], segment=segment, tagged=tagged, state=state, everybody=everybody
        )
        _order(context, tag, whom, given=given, newsletter=newsletter, yes=yes, as_=as_, json=json)

    return command


_GIVE = "Add a tag to people; series that start with it start for those who did not have it."
tags.command("add", help=_GIVE)(_command(given=True))
tags.command("remove", help="Take a tag from people.")(_command(given=False))


class _Whom:
    """The people of a command: addresses, the result of a search, or everybody."""

    def __init__(
        self,
        addresses: list[str],
        *,
        segment: str,
        tagged: str,
        state: SubscriptionState | None,
        everybody: bool,
    ) -> None:
        searched = bool(segment.strip() or tagged.strip() or state)
        if bool(addresses) + searched + everybody != 1:
            raise ListError(
                msg("Nobody was chosen.")
                if not (addresses or searched or everybody)
                else msg("Choose people by address, by a search, or everybody."),
                remedy=msg("Use --address, or --segment, --tagged and --state, or --everybody."),
            )
        self.addresses = addresses
        self.segment, self.tagged, self.state = segment, tagged, state


def _order(
    context: typer.Context,
    tag: str,
    whom: _Whom,
    *,
    given: bool,
    newsletter: str | None,
    yes: bool,
    as_: str | None,
    json: bool,
) -> None:
    from newsletter.cli.console import console, print_json
    from newsletter.database.engine import reading, transaction
    from subscribers.search import PeopleFilter
    from subscribers.tagging import (
        TagChange,
        count_people,
        find_tagging,
        read_tag,
        run_tagging,
        tag_people,
    )

    action = Action.SUBSCRIBER_TAG if given else Action.SUBSCRIBER_UNTAG
    opened = open_newsletter(context, newsletter, as_, action)
    engine, number = opened.engine, opened.newsletter.id
    change = TagChange(tag=read_tag(tag), given=given)
    criteria = PeopleFilter(segment=whom.segment, tag=whom.tagged, state=whom.state)
    if not whom.addresses and not yes:
        with reading(engine) as session:
            count = Number(count_people(session, opened.newsletter, criteria))
        confirm(
            _("Add the tag “{tag}” to {count} people?", tag=change.tag, count=count)
            if given
            else _("Remove the tag “{tag}” from {count} people?", tag=change.tag, count=count),
            option="--yes",
        )
    people = {find_number(engine, each) for each in whom.addresses}
    with transaction(engine) as session:
        order_id = tag_people(session, opened.actor, number, change, people or criteria).id
    run_tagging(engine, order_id)
    with reading(engine) as session:
        order = find_tagging(session, number, order_id)
    assert order is not None  # noqa: S101 - orders are kept for days
    if json:
        print_json({"people": order.done, "changed": order.changed})
        return
    counts = {"changed": Number(order.changed), "people": Number(order.done)}
    console.print(
        _("Tag given to {changed} of {people} people; the others had it.", **counts)
        if given
        else _("Tag taken from {changed} of {people} people; the others did not have it.", **counts)
    )
