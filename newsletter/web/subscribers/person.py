"""The page of one person for operators: data, history, notes and actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.words import name_of
from newsletter.errors import ConflictError, ListError, NewsletterError, NotFoundError, OrderError
from newsletter.i18n.messages import msg
from newsletter.mailings.series.figures import series_of_reader
from newsletter.web.access import SubscribersVisit, Visit, newsletter_of, own
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from subscribers.actions import find_standing, lift_person, suppress_person, unsubscribe_person
from subscribers.fields.model import current_values
from subscribers.fields.store import list_fields
from subscribers.history import read_history
from subscribers.history_entries import HistoryPosition, Person
from subscribers.merging.links import merged_into
from subscribers.notes import LONGEST_NOTE, add_note, change_note, delete_note, list_notes

_PREFIX = "/newsletters/{newsletter}/subscribers"
_Field = Annotated[str, Form(max_length=500)]
#: A note in a form, in which each line end is two characters.
_Text = Annotated[str, Form(max_length=3 * LONGEST_NOTE)]


def _do(visit: Visit, number: int, action: Callable[[Session], object]) -> Response:
    """Run an action in a transaction; redirect to the person, or show the error."""
    page = "/".join([*visit.path.split("/")[:4], str(number)])
    try:
        with transaction(visit.engine) as session:
            action(session)
    except (ConflictError, ListError, OrderError) as error:
        return _refused(visit, error, page)
    return RedirectResponse(page, status_code=303)


def _refused(visit: Visit, error: NewsletterError, back: str) -> HTMLResponse:
    return show_page(
        visit,
        "subscribers/refused.html",
        status=400,
        error=error,
        back=back,
    )


router = Router(prefix=_PREFIX)


@router.get("/{number}")
def _show_one(
    number: int,
    visit: SubscribersVisit,
    before: Annotated[str, Query(max_length=200)] = "",
    merged: Annotated[int | None, Query(le=10**18)] = None,
) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        standing = find_standing(session, row.id, number)
        fields = list_fields(session, row.id)
        history = read_history(
            session,
            Person(newsletter_id=row.id, subscriber_id=number),
            before=HistoryPosition.decode(before),
        )
        addresses = merged_into(session, row.id, number)
        notes = list_notes(session, row.id, number)
        series = series_of_reader(session, row.id, number)
    values = current_values(fields, standing.subscription.attributes)
    return show_page(
        visit,
        "subscribers/person.html",
        newsletter=row,
        person=standing,
        history=history,
        before=before,
        merged=addresses.get(merged or 0, ""),
        notes=notes,
        series=series,
        name_of=name_of,
        longest_note=LONGEST_NOTE,
        values=[
            (field.label(visit.language), field.shown(values[field.key], visit.language))
            for field in fields
            if field.key in values
        ],
    )


@router.post("/{number}/notes")
def _write_note(number: int, visit: SubscribersVisit, text: _Text = "") -> Response:
    return _do(
        visit,
        number,
        lambda session: add_note(session, visit.actor, own(visit), number, text),
    )


@router.post("/{number}/notes/{note}")
def _edit_note(
    number: int,
    note: int,
    visit: SubscribersVisit,
    text: _Text = "",
    revision: Annotated[int, Form()] = 0,
) -> Response:
    return _do(
        visit,
        number,
        lambda session: change_note(
            session, visit.actor, own(visit), note, text, revision=revision
        ),
    )


@router.post("/{number}/notes/{note}/delete")
def _remove_note(
    number: int,
    note: int,
    visit: SubscribersVisit,
    revision: Annotated[int, Form()] = 0,
) -> Response:
    return _do(
        visit,
        number,
        lambda session: delete_note(session, visit.actor, own(visit), note, revision=revision),
    )


@router.post("/{number}/{verb}")
def _act(number: int, verb: str, visit: SubscribersVisit, reason: _Field = "") -> Response:
    return _do(visit, number, lambda session: _order(session, visit, number, verb, reason))


def _order(session: Session, visit: Visit, number: int, verb: str, reason: str) -> None:
    newsletter_id = own(visit)
    if verb == "unsubscribe":
        unsubscribe_person(
            session, visit.actor, number, newsletter_ids=[newsletter_id], reason=reason
        )
    elif verb == "suppress":
        suppress_person(session, visit.actor, newsletter_id, number, reason=reason)
    elif verb == "lift":
        lift_person(session, visit.actor, newsletter_id, number, reason=reason, rights=visit.rights)
    else:
        raise NotFoundError(msg("There is no such action."))
