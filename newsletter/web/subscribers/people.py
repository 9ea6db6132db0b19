"""Subscribers as operators see them: found, looked at, exported, and taken off the list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import SubscriptionState
from newsletter.database.words import name_of
from newsletter.errors import ListError, NewsletterError, NotFoundError, OrderError
from newsletter.i18n.messages import msg
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.series.figures import series_of_reader
from newsletter.newsletters.publications import Newsletter, list_newsletters
from newsletter.web.access import SubscribersVisit, Visit, newsletter_of
from newsletter.web.pages import Pages
from newsletter.web.routing import Router
from newsletter.web.subscribers.segments import segments_router
from subscribers.actions import (
    export_people,
    find_standing,
    lift_person,
    save_segment,
    suppress_person,
    unsubscribe_person,
)
from subscribers.fields.model import current_values
from subscribers.fields.store import list_fields
from subscribers.search import FoundPage, PeopleFilter, search_people
from subscribers.segments import saved

_Field = Annotated[str, Form(max_length=500)]
_Asked = Annotated[str, Query(max_length=2000)]


def subscribers_router(engine: Engine, figures: Figures, pages: Pages) -> Router:  # noqa: C901 - a list of routes
    """Return the routes of subscribers, for operators."""
    router = Router(prefix="/newsletters/{newsletter}/subscribers")
    outer = Router()

    @outer.get("/subscribers")
    def choose_newsletter(visit: SubscribersVisit, request: Request) -> Response:
        with reading(engine) as session:
            rows = [
                row
                for row in list_newsletters(session)
                if visit.rights.may(Permission.SEE_SUBSCRIBERS, row.id)
            ]
        if len(rows) == 1:
            return RedirectResponse(f"/newsletters/{rows[0].slug}/subscribers", status_code=303)
        return pages.show_to(visit, request, "subscribers/choose.html", newsletters=rows)

    @router.get("")
    def show_list(
        visit: SubscribersVisit,
        request: Request,
        text: _Asked = "",
        tag: _Asked = "",
        segment: _Asked = "",
        state: _Asked = "",
        count: bool = False,  # noqa: FBT001, FBT002 - a query's field
        after: Annotated[int | None, Query()] = None,
    ) -> HTMLResponse:
        within = request.query_params.get("within") == "true"
        wanted = replace(_filter(text, tag, segment, state), within=within)
        found, size, error = FoundPage(people=[], after=None), None, ""
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            segments = saved.list_segments(session, row.id)
            try:
                query = saved.segment_text(session, row.id, segment)
                wanted = replace(wanted, segment=query)
                found = search_people(session, row, wanted, after=after)
                if count:
                    size = figures.of(
                        session,
                        ("segment", row.id, segment),
                        lambda own: saved.count_segment(own, row, query),
                    )
            except ListError as refused:
                error = refused.in_language(visit.language)
        asked = {"text": text, "tag": tag, "segment": segment, "state": state}
        return pages.show_to(
            visit,
            request,
            "subscribers/list.html",
            status=400 if error else 200,
            newsletter=row,
            found=found,
            segments=segments,
            size=size,
            error=error,
            asked=asked,
            named={name: value for name, value in asked.items() if value}
            | ({"within": "true"} if found.within else {}),
            after=after,
            states=list(SubscriptionState),
        )

    @router.get(".csv")
    def export(visit: SubscribersVisit, segment: _Asked = "", state: _Asked = "") -> Response:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
        pages_of_list = export_people(
            engine, visit.actor, row, segment=segment, state=_state(state)
        )
        return _download((page.text for page in pages_of_list), f"{row.slug}-subscribers.csv")

    @router.post("/segments")
    def keep_segment(
        visit: SubscribersVisit, request: Request, name: _Field = "", query: _Field = ""
    ) -> Response:
        base = request.url.path.removesuffix("/segments")
        with transaction(engine) as session:
            row = newsletter_of(session, visit)
            try:
                save_segment(session, visit.actor, row.id, name=name.strip(), query=query)
            except NewsletterError as error:
                return _refused(visit, request, error.in_language(visit.language), base)
        return RedirectResponse(base, status_code=303)

    def _refused(visit: SubscribersVisit, request: Request, error: str, back: str) -> HTMLResponse:
        return pages.show_to(
            visit, request, "subscribers/refused.html", status=400, error=error, back=back
        )

    @router.get("/{number}")
    def show_one(number: int, visit: SubscribersVisit, request: Request) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            standing = find_standing(session, row.id, number)
            fields = list_fields(session, row.id)
            series = series_of_reader(session, row.id, number)
        values = current_values(fields, standing.subscription.attributes)
        return pages.show_to(
            visit,
            request,
            "subscribers/person.html",
            newsletter=row,
            person=standing,
            series=series,
            name_of=name_of,
            values=[
                (field.label(visit.language), field.shown(values[field.key], visit.language))
                for field in fields
                if field.key in values
            ],
        )

    @router.post("/{number}/{verb}")
    def act(
        number: int, verb: str, visit: SubscribersVisit, request: Request, reason: _Field = ""
    ) -> Response:
        page = request.url.path.removesuffix(f"/{verb}")
        try:
            with transaction(engine) as session:
                _order(session, visit, newsletter_of(session, visit), number, verb, reason)
        except OrderError as error:
            return _refused(visit, request, error.in_language(visit.language), page)
        return RedirectResponse(page, status_code=303)

    outer.include_router(router)
    outer.include_router(segments_router(engine, figures, pages))
    return outer


def _order(
    session: Session, visit: Visit, newsletter: Newsletter, number: int, verb: str, reason: str
) -> None:
    if verb == "unsubscribe":
        unsubscribe_person(
            session, visit.actor, number, newsletter_ids=[newsletter.id], reason=reason
        )
    elif verb == "suppress":
        suppress_person(session, visit.actor, newsletter.id, number, reason=reason)
    elif verb == "lift":
        lift_person(session, visit.actor, newsletter.id, number, reason=reason, rights=visit.rights)
    else:
        raise NotFoundError(msg("There is no such action."))


def _filter(text: str, tag: str, segment: str, state: str) -> PeopleFilter:
    return PeopleFilter(text=text, tag=tag, segment=segment, state=_state(state))


def _state(text: str) -> SubscriptionState | None:
    return SubscriptionState(text) if text in set(SubscriptionState) else None


def _download(lines: Iterator[str], name: str) -> StreamingResponse:
    return StreamingResponse(
        lines,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
