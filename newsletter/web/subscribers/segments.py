"""Pages of saved segments: built from conditions or written as query, with the matching people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, ListError, NewsletterError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import LanguageName
from newsletter.newsletters.publications import Newsletter
from newsletter.web.access import SegmentVisit, Visit, newsletter_of
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, SubmittedForm, read_number
from subscribers.actions import change_segment, delete_segment, save_segment
from subscribers.fields.model import Field
from subscribers.fields.store import list_fields
from subscribers.segments.choices import languages_of_people, offered_tags
from subscribers.segments.conditions import (
    MOST_PARTS,
    Condition,
    ConditionPart,
    Criterion,
    Group,
    Match,
    Predicate,
    checked_group,
    conditions_in,
    from_text,
    subjects_of,
)
from subscribers.segments.model import BuiltIn
from subscribers.segments.saved import (
    SegmentUse,
    count_segment,
    find_segment,
    list_segments,
    sample_segment,
    segment_name,
    uses_of_segment,
)

_EXAMPLES = 10
_ROOT = "0"
#: Levels of nested groups.
_DEEPEST = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class _Typed:
    """The submitted form.

    Attributes:
        former: The saved name; empty for a new segment.
        before: The query when the form was opened.
        text: The query as text; if it is invalid, as it was entered.
        error: The error of the name or text; conditions have their own errors.
    """

    group: Group
    name: str = ""
    former: str = ""
    before: str = ""
    text: str = ""
    error: NewsletterError | None = None

    @property
    def is_sound(self) -> bool:
        """Whether the query is valid."""
        return self.error is None and self.is_countable

    @property
    def is_countable(self) -> bool:
        """Whether the matching people can be counted, even if the name is invalid."""
        if self.error and not (self.error.place and self.error.place.field == "name"):
            return False
        return not any(each.error for each in conditions_in(self.group))


def _list(visit: Visit, *, error: NewsletterError | None = None) -> HTMLResponse:
    """Show all saved segments."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        segments = list_segments(session, row.id)
        saved = visit.request.query_params.get("saved", "")
        uses = {each.name: uses_of_segment(session, row.id, each) for each in segments}
    return show_page(
        visit,
        "subscribers/segments.html",
        status=409 if error else 200,
        error=error,
        newsletter=row,
        segments=segments,
        uses=uses,
        saved=saved if saved in uses else "",
    )


def _show(visit: Visit, typed: _Typed) -> HTMLResponse:
    """Show the form and the matching people."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        fields = list_fields(session, row.id)
        size, examples = None, None
        if typed.is_countable and typed.text:
            query = typed.text
            counted = ("segment", row.id, query)
            size = visit.site.figures.of(
                session, counted, lambda own: count_segment(own, row, query)
            )
            if visit.may(Permission.SEE_SUBSCRIBERS):
                examples = sample_segment(session, row, query, size=_EXAMPLES)
        asked = {each.subject for each in conditions_in(typed.group)}
        languages: Sequence[str] = ()
        if BuiltIn.LANGUAGE in asked:
            key = ("languages", row.id)
            spoken = visit.site.figures.of(
                session, key, lambda own: languages_of_people(own, row.id)
            )
            languages = tuple(dict.fromkeys((row.language.value, *row.languages, *spoken.value)))
        tags = offered_tags(session, row.id) if BuiltIn.TAG in asked else ()
        uses = _uses(session, row.id, typed.former) if typed.former else ()
    subjects = subjects_of(fields)
    return show_page(
        visit,
        "subscribers/segment.html",
        status=200 if typed.is_sound else 422,
        newsletter=row,
        typed=typed,
        subjects=subjects,
        spoken=[(tag, LanguageName(tag)) for tag in languages],
        offered_tags=tags,
        by_key={subject.key: subject for subject in subjects},
        size=size,
        examples=examples,
        uses=uses,
        has_value=any(True for _ in conditions_in(typed.group)),
    )


router = Router(prefix="/newsletters/{newsletter}/segments")


def _fields(visit: Visit) -> tuple[Newsletter, Sequence[Field]]:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        return row, list_fields(session, row.id)


@router.get("")
def _show_list(visit: SegmentVisit) -> HTMLResponse:
    return _list(visit)


@router.get("/new")
def _show_new(
    visit: SegmentVisit,
    query: Annotated[str, Query(max_length=8000)] = "",
) -> HTMLResponse:
    _, fields = _fields(visit)
    if query.strip():
        typed = _Typed(group=Group(match=Match.ALL), text=query)
        return _show(visit, _from_text(typed, fields))
    group = _with_added(Group(match=Match.ALL), _ROOT, subjects_of(fields))
    return _show(visit, _Typed(group=group))


@router.get("/{name}")
def _show_one(name: str, visit: SegmentVisit) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        segment = find_segment(session, row.id, name)
        fields = list_fields(session, row.id)
    query = segment.query
    typed = _Typed(group=Group(match=Match.ALL), name=name, former=name, before=query, text=query)
    return _show(visit, _from_text(typed, fields))


@router.post("/build")
def _build(
    newsletter: str,
    visit: SegmentVisit,
    form: SubmittedForm,
) -> Response:
    row, fields = _fields(visit)
    do = str(form.get("do", "show"))
    typed = _read(form, do, fields)
    if do != "save" or not typed.is_sound:
        return _show(visit, typed)
    try:
        with transaction(visit.engine) as session:
            if typed.former:
                change_segment(
                    session,
                    visit.actor,
                    row.id,
                    typed.former,
                    name=typed.name,
                    query=typed.text,
                    before=typed.before,
                )
            else:
                save_segment(session, visit.actor, row.id, name=typed.name, query=typed.text)
    except NewsletterError as error:
        return _show(visit, replace(typed, error=error))
    path = f"/newsletters/{newsletter}/segments?{urlencode({'saved': segment_name(typed.name)})}"
    return RedirectResponse(path, status_code=303)


@router.post("/{name}/delete")
def _delete(newsletter: str, name: str, visit: SegmentVisit) -> Response:
    try:
        with transaction(visit.engine) as session:
            delete_segment(session, visit.actor, newsletter_of(session, visit).id, name)
    except ConflictError as error:
        return _list(visit, error=error)
    return RedirectResponse(f"/newsletters/{newsletter}/segments", status_code=303)


def _uses(session: Session, newsletter_id: int, name: str) -> Sequence[SegmentUse]:
    """Return the uses of a segment; none if it was deleted meanwhile."""
    try:
        return uses_of_segment(session, newsletter_id, find_segment(session, newsletter_id, name))
    except NotFoundError:
        return ()


def _read(form: FormData, do: str, fields: Sequence[Field]) -> _Typed:
    """Return the form after its button was applied: add or remove a part, or use the text."""
    subjects = {subject.key: subject for subject in subjects_of(fields)}
    typed = _Typed(
        group=_group(form, _ROOT, subjects),
        name=str(form.get("name", "")).strip()[:200],
        former=str(form.get("former", ""))[:64],
        before=str(form.get("before", ""))[:8000],
        text=str(form.get("text", ""))[:8001],
    )
    verb, _, path = do.partition(":")
    if verb == "text":
        return _from_text(typed, fields)
    if sum(1 for key in form if key[:2] in {"s.", "m."}) >= MOST_PARTS and verb != "remove":
        return replace(
            typed,
            error=ListError(
                msg("There are more than {limit} conditions.", limit=MOST_PARTS),
                remedy=msg("Tag these people, and select by the tag."),
            ),
        )
    if verb == "add":
        group = _with_added(typed.group, path, subjects_of(fields))
    elif verb == "group":
        inner = _with_added(Group(match=Match.ANY), _ROOT, subjects_of(fields))
        group = _changed(typed.group, path, lambda each: replace(each, parts=(*each.parts, inner)))
    elif verb == "remove":
        group = _without(typed.group, path)
    else:
        group = typed.group
    fresh = verb in {"add", "group"} or do == "subject"
    return _checked(replace(typed, group=group), fields, fresh=fresh)


def _checked(typed: _Typed, fields: Sequence[Field], *, fresh: bool) -> _Typed:
    """Return the form with the errors of its conditions, without new conditions that are empty."""
    group, text = checked_group(typed.group, fields)
    return replace(typed, group=_quiet(group) if fresh else group, text=text)


def _quiet(group: Group) -> Group:
    parts: list[ConditionPart] = []
    for part in group.parts:
        if isinstance(part, Group):
            parts.append(_quiet(part))
        else:
            parts.append(replace(part, error=part.error if part.value else None))
    return replace(group, parts=tuple(parts))


def _from_text(typed: _Typed, fields: Sequence[Field]) -> _Typed:
    try:
        group, text = from_text(typed.text, fields)
    except ListError as error:
        return replace(typed, error=error)
    return replace(typed, group=group, text=text)


def _group(form: FormData, path: str, subjects: Mapping[str, Criterion]) -> Group:
    """Return a group: ``m.PATH`` is its match; ``s.``, ``p.`` and ``v.PATH`` are a condition."""
    match = str(form.get(f"m.{path}", ""))
    prefix = f"{path}."
    depth = prefix.count(".")
    inner = {
        key[2:]
        for key in form
        if key[:2] in {"m.", "s."} and key[2:].startswith(prefix) and key[2:].count(".") == depth
    }
    return Group(
        match=Match(match) if match in set(Match) else Match.ALL,
        parts=tuple(
            _group(form, each, subjects)
            if f"m.{each}" in form and depth < _DEEPEST
            else _condition(form, each, subjects)
            for each in sorted(inner, key=_numbers)[:MOST_PARTS]
        ),
    )


def _numbers(path: str) -> list[int]:
    return [read_number(number) or 0 for number in path.split(".")]


def _condition(form: FormData, path: str, subjects: Mapping[str, Criterion]) -> Condition:
    key, word = str(form.get(f"s.{path}", ""))[:80], str(form.get(f"p.{path}", ""))
    predicate = Predicate(word) if word in set(Predicate) else Predicate.IS
    if key in subjects and predicate not in subjects[key].predicates:
        # Another subject was chosen, which does not have the previous predicate.
        return Condition(subject=key, predicate=subjects[key].predicates[0])
    values = [str(value) for value in form.getlist(f"v.{path}")]
    lines = [line.strip() for value in values for line in value.splitlines() if line.strip()]
    return Condition(subject=key, predicate=predicate, value="\n".join(lines)[:8000])


def _with_added(group: Group, path: str, subjects: Sequence[Criterion]) -> Group:
    first = subjects[0]
    new = Condition(subject=first.key, predicate=first.predicates[0])
    return _changed(group, path, lambda each: replace(each, parts=(*each.parts, new)))


def _changed(group: Group, path: str, change: Callable[[Group], Group]) -> Group:
    """Return a group in which the group at a path is changed."""
    _, _, rest = path.partition(".")
    if not rest:
        return change(group)
    number = _numbers(rest)[0]
    return replace(
        group,
        parts=tuple(
            _changed(part, rest, change) if at == number and isinstance(part, Group) else part
            for at, part in enumerate(group.parts)
        ),
    )


def _without(group: Group, path: str) -> Group:
    above, _, last = path.rpartition(".")
    number = read_number(last)

    if number is None or not above:
        return group

    def drop(each: Group) -> Group:
        return replace(each, parts=each.parts[:number] + each.parts[number + 1 :])

    return _changed(group, above, drop)
