"""A tag given to many people of the list, or taken from them."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Engine
from starlette.datastructures import FormData

from newsletter.database.engine import reading, transaction
from newsletter.errors import ListError
from newsletter.web.access import SubscribersVisit, Visit, newsletter_of, own
from newsletter.web.pages import Pages
from newsletter.web.routing import Router, SubmittedForm
from newsletter.web.subscribers.filters import asked_of, filter_of, named_of
from subscribers.tagging import TagChange, count_people, read_tag, tag_people

_Asked = Annotated[str, Query(max_length=2000)]
#: Digits of the greatest number of a person.
_DIGITS = 18


def tagging_router(engine: Engine, pages: Pages) -> Router:
    """Return the routes by which many people are tagged."""
    router = Router(prefix="/newsletters/{newsletter}/subscribers")

    def _refuse(visit: Visit, request: Request, error: ListError) -> Response:
        return pages.show_to(
            visit,
            request,
            "subscribers/refused.html",
            status=400,
            error=error.in_language(visit.language),
            back=request.url.path.removesuffix("/tags"),
        )

    @router.get("/tags")
    def ask(
        visit: SubscribersVisit, request: Request, new_tag: _Asked = "", verb: _Asked = "give"
    ) -> Response:
        asked = asked_of(request.query_params)
        try:
            with reading(engine) as session:
                row = newsletter_of(session, visit)
                change = TagChange(tag=read_tag(new_tag), given=verb != "take")
                count = count_people(session, row, filter_of(asked))
        except ListError as error:
            return _refuse(visit, request, error)
        return pages.show_to(
            visit,
            request,
            "subscribers/tagging.html",
            newsletter=row,
            change=change,
            count=count,
            asked=asked,
            named=named_of(asked),
        )

    @router.post("/tags")
    def tag(visit: SubscribersVisit, request: Request, form: SubmittedForm) -> Response:
        base, asked = request.url.path.removesuffix("/tags"), asked_of(form)
        change = TagChange(tag=str(form.get("new_tag", "")), given=form.get("verb") != "take")
        try:
            with transaction(engine) as session:
                number = own(visit)
                if form.get("whom") == "all" and form.get("sure") != "yes":
                    verb = "give" if change.given else "take"
                    query = {**named_of(asked), "new_tag": read_tag(change.tag), "verb": verb}
                    return RedirectResponse(f"{base}/tags?{urlencode(query)}", status_code=303)
                whom = filter_of(asked) if form.get("whom") == "all" else _chosen(form)
                order = tag_people(session, visit.actor, number, change, whom)
                query = named_of(
                    asked | {"sort": str(form.get("sort", "")), "tagged": str(order.id)}
                )
        except ListError as error:
            return _refuse(visit, request, error)
        return RedirectResponse(f"{base}?{urlencode(query)}", status_code=303)

    return router


def _chosen(form: FormData) -> set[int]:
    given = [str(value) for value in form.getlist("person")]
    return {int(text) for text in given if text.isdecimal() and len(text) <= _DIGITS}
