"""Pages of subscribers for operators: list, search, tags and export."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import SubscriptionState
from newsletter.database.words import name_of
from newsletter.errors import ListError, NewsletterError
from newsletter.mailings.reports.cached_figures import Figure, Figures
from newsletter.newsletters.publications import Newsletter, list_newsletters
from newsletter.web.access import SubscribersVisit, Visit, newsletter_of, own
from newsletter.web.head_requests import unless_by_head
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, SubmittedForm
from subscribers.actions import (
    export_people,
    save_segment,
)
from subscribers.growth import count_readers
from subscribers.listing import (
    choose_columns,
    chosen_columns,
    list_columns,
    offered_orders,
    read_order,
    reset_columns,
)
from subscribers.people import LONGEST_TAG
from subscribers.search import FoundPage, PeopleFilter, found_among, search_people
from subscribers.segments import saved
from subscribers.tagging import (
    TagChange,
    count_people,
    list_tags,
    read_tag,
    tag_people,
    taggings_to_show,
)

_Field = Annotated[str, Form(max_length=500)]
_Asked = Annotated[str, Query(max_length=2000)]
_PREFIX = "/newsletters/{newsletter}/subscribers"
#: The largest number of offered tags.
_TAGS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class _Counted:
    """Counts that were requested.

    Attributes:
        found: The number of matching people on the list.
        reached: The number of people in a segment that a mailing would reach.
    """

    found: int | None = None
    reached: Figure[int] | None = None


def _count(
    session: Session, figures: Figures, newsletter: Newsletter, criteria: PeopleFilter
) -> _Counted:
    query = criteria.segment
    reached = None
    if query:
        key = ("segment", newsletter.id, query)
        reached = figures.of(session, key, lambda own: saved.count_segment(own, newsletter, query))
    return _Counted(found=count_people(session, newsletter, criteria), reached=reached)


def _readers(session: Session, figures: Figures, newsletter: Newsletter) -> Figure[int]:
    key = ("readers", newsletter.id)
    return figures.of(session, key, lambda own: count_readers(own, newsletter.id))


router = Router()


@router.get("/subscribers")
def _choose_newsletter(visit: SubscribersVisit) -> Response:
    with reading(visit.engine) as session:
        rows = [
            row
            for row in list_newsletters(session)
            if visit.rights.may(Permission.SEE_SUBSCRIBERS, row.id)
        ]
    if len(rows) == 1:
        return RedirectResponse(f"/newsletters/{rows[0].slug}/subscribers", status_code=303)
    return show_page(visit, "subscribers/choose.html", newsletters=rows)


@router.get(_PREFIX)
def _show_list(
    visit: SubscribersVisit,
    tagged: int | None = None,
    count: bool = False,  # noqa: FBT001, FBT002 - a query's field
    sort: _Asked = "",
    after: Annotated[int | None, Query()] = None,
    erased: bool = False,  # noqa: FBT001, FBT002 - a query's field
) -> HTMLResponse:
    asked = asked_of(visit.request.query_params)
    criteria = filter_of(asked)
    found, counted, error = FoundPage(people=[], after=None), _Counted(), None
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        segments = saved.list_segments(session, row.id)
        orders = taggings_to_show(session, row.id, tagged)
        tags = list_tags(session, row.id, limit=_TAGS)
        offered = list_columns(session, row.id)
        columns = chosen_columns(session, visit.account_id, row.id, offered)
        order = read_order(sort, offered)
        try:
            criteria = replace(
                criteria, segment=saved.segment_text(session, row.id, criteria.segment)
            )
            found = search_people(session, row, criteria, order=order, after=after)
            if count:
                counted = _count(session, visit.site.figures, row, criteria)
        except ListError as refused:
            error = refused
        readers = _readers(session, visit.site.figures, row)
    if found.within:
        asked["within"] = "true"
    return show_page(
        visit,
        "subscribers/list.html",
        status=400 if error else 200,
        newsletter=row,
        found=found,
        segments=segments,
        query=criteria.segment,
        readers=readers,
        counted=counted,
        error=error,
        asked=asked,
        named=named_of(asked),
        kept=named_of(asked | {"sort": str(order)}),
        order=order,
        offered=offered,
        columns=columns,
        sortings=[
            (name, label.in_language(visit.language)) for name, label in offered_orders(offered)
        ],
        name_of=name_of,
        reads=visit.language,
        orders=orders,
        tags=tags,
        longest_tag=LONGEST_TAG,
        after=after,
        erased=erased,
        states=list(SubscriptionState),
    )


@router.post(_PREFIX + "/segments")
def _keep_segment(visit: SubscribersVisit, name: _Field = "", query: _Field = "") -> Response:
    base = visit.path.removesuffix("/segments")
    with transaction(visit.engine) as session:
        row = newsletter_of(session, visit)
        try:
            save_segment(session, visit.actor, row.id, name=name.strip(), query=query)
        except NewsletterError as error:
            return show_page(
                visit,
                "subscribers/refused.html",
                status=400,
                error=error,
                back=base,
            )
    return RedirectResponse(base, status_code=303)


@router.get(_PREFIX + ".csv")
def _export(
    visit: SubscribersVisit,
    form: _Asked = "",
) -> Response:
    asked = asked_of(visit.request.query_params)
    criteria, segment = filter_of(asked), asked["segment"]
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        query = saved.segment_text(session, row.id, segment)
        offered = list_columns(session, row.id)
        shown = chosen_columns(session, visit.account_id, row.id, offered)
        among = found_among(session, row, replace(criteria, segment=query))
    pages_of_list = unless_by_head(
        visit.request,
        lambda: export_people(
            visit.engine,
            visit.actor,
            row,
            segment=segment,
            state=criteria.state,
            language=visit.language if form in {"readable", "shown"} else None,
            columns=[column.name for column in shown] if form == "shown" else None,
            among=among,
            text=criteria.text,
            tag=criteria.tag,
            suppressed=criteria.suppressed,
        ),
    )
    # Excel recognizes UTF-8 by the byte order mark.
    lines = chain([BOM_UTF8], (page.octets for page in pages_of_list))
    return _download(lines, f"{row.slug}-subscribers.csv")


def _download(lines: Iterator[bytes], name: str) -> StreamingResponse:
    return StreamingResponse(
        lines,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


#: The names of the filters; ``within`` is ``true`` if any part may match.
_FILTERS = ("text", "tag", "segment", "state", "within")
#: Value instead of a state: people with a suppressed address, in any state.
_SUPPRESSED = "suppressed"
#: Characters of the longest filter.
_LONGEST = 2000


def asked_of(values: Mapping[str, object]) -> dict[str, str]:
    """Return the filters of a query or a form; missing filters are empty.

    A segment is chosen by name. If the text of its query was changed, which is detected by
    ``shown``, the text is used instead.
    """
    asked = {name: _text(values, name) for name in _FILTERS}
    written = _text(values, "query").strip()
    if written and written != _text(values, "shown").strip():
        asked["segment"] = written
    return asked


def _text(values: Mapping[str, object], name: str) -> str:
    return str(values.get(name, ""))[:_LONGEST]


def named_of(asked: Mapping[str, str]) -> dict[str, str]:
    """Return the filters that are not empty."""
    return {name: value for name, value in asked.items() if value}


def filter_of(asked: Mapping[str, str]) -> PeopleFilter:
    """Return the criteria of filters."""
    state = asked["state"]
    return PeopleFilter(
        text=asked["text"],
        within=asked["within"] == "true",
        tag=asked["tag"],
        segment=asked["segment"],
        state=SubscriptionState(state) if state in set(SubscriptionState) else None,
        suppressed=state == _SUPPRESSED,
    )


@router.post(_PREFIX + "/columns")
def _choose(visit: SubscribersVisit, form: SubmittedForm) -> Response:
    with transaction(visit.engine) as session:
        number = own(visit)
        if form.get("verb") == "reset":
            reset_columns(session, visit.account_id, number)
        else:
            names = {str(name) for name in form.getlist("column")}
            choose_columns(session, visit.account_id, number, names)
    kept = named_of(asked_of(form) | {"sort": str(form.get("sort", ""))})
    base = visit.path.removesuffix("/columns")
    return RedirectResponse(f"{base}?{urlencode(kept)}#people", status_code=303)


#: Digits of the largest id of a person.
_DIGITS = 18


def _refuse(visit: Visit, error: ListError) -> Response:
    return show_page(
        visit,
        "subscribers/refused.html",
        status=400,
        error=error,
        back=visit.path.removesuffix("/tags"),
    )


@router.get(_PREFIX + "/tags")
def _ask(visit: SubscribersVisit, new_tag: _Asked = "", verb: _Asked = "give") -> Response:
    asked = asked_of(visit.request.query_params)
    try:
        with reading(visit.engine) as session:
            row = newsletter_of(session, visit)
            change = TagChange(tag=read_tag(new_tag), given=verb != "take")
            count = count_people(session, row, filter_of(asked))
    except ListError as error:
        return _refuse(visit, error)
    return show_page(
        visit,
        "subscribers/tagging.html",
        newsletter=row,
        change=change,
        count=count,
        asked=asked,
        named=named_of(asked),
    )


@router.post(_PREFIX + "/tags")
def _tag(visit: SubscribersVisit, form: SubmittedForm) -> Response:
    base, asked = visit.path.removesuffix("/tags"), asked_of(form)
    change = TagChange(tag=str(form.get("new_tag", "")), given=form.get("verb") != "take")
    try:
        with transaction(visit.engine) as session:
            number = own(visit)
            if form.get("whom") == "all" and form.get("sure") != "yes":
                verb = "give" if change.given else "take"
                query = {**named_of(asked), "new_tag": read_tag(change.tag), "verb": verb}
                return RedirectResponse(f"{base}/tags?{urlencode(query)}", status_code=303)
            whom = filter_of(asked) if form.get("whom") == "all" else _chosen(form)
            order = tag_people(session, visit.actor, number, change, whom)
            query = named_of(asked | {"sort": str(form.get("sort", "")), "tagged": str(order.id)})
    except ListError as error:
        return _refuse(visit, error)
    return RedirectResponse(f"{base}?{urlencode(query)}", status_code=303)


def _chosen(form: FormData) -> set[int]:
    given = [str(value) for value in form.getlist("person")]
    return {int(text) for text in given if text.isdecimal() and len(text) <= _DIGITS}
