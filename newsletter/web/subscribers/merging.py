"""Pages for merging two people: search, comparison, confirmation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, NewsletterError
from newsletter.i18n.language import Language
from newsletter.web.access import SubscribersVisit, Visit, newsletter_of
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, SubmittedForm
from subscribers.actions import find_standing
from subscribers.fields.model import Field, current_values
from subscribers.fields.store import list_fields
from subscribers.merging.making import MergeOrder, merge_people
from subscribers.merging.outlook import FIELD, Effect, MergeOutlook, consequences, foresee_merge
from subscribers.search import FoundPage, PeopleFilter, search_people
from subscribers.subscription_columns import CHOSEN

_FOUND = 10
_Number = Annotated[int, Form(le=10**18)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Values:
    """The values of a field of both people; ``both`` if one must be chosen."""

    name: str
    label: str
    kept: str
    merged: str
    both: bool


def _search(
    visit: Visit,
    number: int,
    text: str,
    *,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show the people that a person could be merged with."""
    found = FoundPage(people=[], after=None)
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        standing = find_standing(session, row.id, number)
        if text.strip():
            criteria = PeopleFilter(text=text)
            found = search_people(session, row, criteria, limit=_FOUND + 1)
    return show_page(
        visit,
        "subscribers/merge_search.html",
        status=400 if error else 200,
        newsletter=row,
        person=standing,
        text=text,
        people=[each for each in found.people if each.subscriber_id != number][:_FOUND],
        more=found.after is not None,
        error=error,
    )


def _compare(
    visit: Visit,
    number: int,
    kept: int,
    merged: int,
    *,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show the outcome of a merge, and the choices between differing values.

    Raises:
        ConflictError: The two cannot be merged.
    """
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        outlook = foresee_merge(session, visit.actor, row.id, kept_id=kept, merged_id=merged)
        standings = [find_standing(session, row.id, each) for each in (kept, merged)]
        fields = list_fields(session, row.id)
    waits = any(part.effect is Effect.WAITS for part in outlook.parts)
    return show_page(
        visit,
        "subscribers/merge.html",
        status=400 if error else 200,
        newsletter=row,
        number=number,
        outlook=outlook,
        standings=standings,
        columns=CHOSEN,
        chosen={choice.name for choice in outlook.choices},
        values=_values(outlook, fields, visit.language),
        sentences=consequences(outlook),
        possible=not (waits or outlook.done),
        error=error,
    )


router = Router(prefix="/newsletters/{newsletter}/subscribers")


@router.get("/{number}/merge")
def _show(
    number: int,
    visit: SubscribersVisit,
    text: Annotated[str, Query(max_length=320)] = "",
    other: Annotated[int | None, Query(le=10**18)] = None,
    keep: Annotated[int | None, Query(le=10**18)] = None,
) -> HTMLResponse:
    if other is None:
        return _search(visit, number, text)
    kept, merged = (other, number) if keep == other else (number, other)
    try:
        return _compare(visit, number, kept, merged)
    except ConflictError as error:
        return _search(visit, number, text, error=error)


@router.post("/{number}/merge")
def _merge(
    number: int,
    visit: SubscribersVisit,
    form: SubmittedForm,
    kept: _Number = 0,
    merged: _Number = 0,
) -> Response:
    order = MergeOrder(
        kept_id=kept,
        merged_id=merged,
        take=frozenset(name for name in form if form.get(name) == "merged"),
        revision=str(form.get("revision", "")),
    )
    try:
        with transaction(visit.engine) as session:
            merge_people(session, visit.actor, newsletter_of(session, visit).id, order)
    except ConflictError as error:
        try:
            return _compare(visit, number, kept, merged, error=error)
        except ConflictError:
            return _search(visit, number, "", error=error)
    person = "/".join([*visit.path.split("/")[:4], str(kept)])
    return RedirectResponse(f"{person}?merged={merged}", status_code=303)


def _values(outlook: MergeOutlook, fields: tuple[Field, ...], language: Language) -> list[_Values]:
    kept = current_values(fields, outlook.kept_values)
    merged = current_values(fields, outlook.merged_values)
    names = {choice.name for choice in outlook.choices}
    return [
        _Values(
            name=FIELD + field.key,
            label=field.label(language),
            kept=field.shown(kept.get(field.key), language),
            merged=field.shown(merged.get(field.key), language),
            both=FIELD + field.key in names,
        )
        for field in fields
        if field.key in kept or field.key in merged
    ]
