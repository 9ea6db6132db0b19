"""Pages for reusing content: patterns, the last issue, schedules of drafts, and search."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import Depends, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import Every
from newsletter.edit_conflicts import EditConflictError, merge_changes, shown_of
from newsletter.errors import ConflictError, ListError, NewsletterError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.reuse import get_pattern, list_patterns
from newsletter.issues.drafts.saving import get_draft
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.search import search_issues
from newsletter.issues.store import find_issue, get_issue, last_edition
from newsletter.mailings.overview import list_lines
from newsletter.newsletters.issue_actions import (
    delete_pattern,
    duplicate_issue,
    keep_pattern,
    start_from_pattern,
)
from newsletter.newsletters.recurrence import (
    RecurrencePlan,
    Rule,
    find_recurrence,
    schedule_of,
    set_recurrence,
)
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own
from newsletter.web.audit_values import detail_words
from newsletter.web.edit_conflicts import worded_clash
from newsletter.web.issues.draft_pages import to_duplicate
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, read_number

_Short = Annotated[str, Form(max_length=300)]
_Number = Annotated[int, Form()]
_PREFIX = "/newsletters/{newsletter}"


def _show(
    visit: Visit,
    error: NewsletterError | None = None,
    typed: RecurrencePlan | None = None,
    begun: str = "",
    kept_as: tuple[str, str] = ("", ""),
) -> HTMLResponse:
    """Show the patterns and the schedule, with an input and its error."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        recurrence = find_recurrence(session, row.id)
        patterns = list_patterns(session, row.id)
        kept, status = schedule_of(recurrence), 422 if error else 200
        is_taken = isinstance(error, ConflictError) and bool(kept_as[0])
        if isinstance(error, EditConflictError) and typed is not None:
            typed = merge_changes(begun, typed, kept).value
            named = {pattern.id: pattern.name for pattern in patterns}
            error, status = _worded(error, kept, named), 409
        return show_page(
            visit,
            "issues/patterns.html",
            status=409 if is_taken else status,
            newsletter=row,
            kept_as=kept_as,
            is_taken=is_taken,
            patterns=patterns,
            lines=list_lines(session, row),
            recurrence=recurrence,
            wanted=typed or kept,
            begun=shown_of(kept),
            error=error,
            notice=visit.request.query_params.get("done", ""),
        )


router = Router(prefix=_PREFIX)


def _read_rule(
    every: Annotated[Every | None, Form()] = None,
    weekday: _Number = 0,
    ordinal: _Number = 1,
    day: _Number = 1,
) -> Rule | None:
    """Return the rule of dates in a form; None if no rule is chosen.

    Raises:
        ListError: The rule is invalid.
    """
    if every is None:
        return None
    return Rule(every=every, weekday=weekday, ordinal=day if every is Every.MONTH_DAY else ordinal)


@router.get("/patterns")
def _show_patterns(visit: EditorVisit) -> HTMLResponse:
    return _show(visit)


@router.post("/patterns", response_model=None)
def _keep(
    newsletter: str,
    visit: EditorVisit,
    name: _Short = "",
    source: _Short = "",
    replace: _Short = "",
) -> Response:
    try:
        with transaction(visit.engine) as session:
            issue, template = _source(session, visit, source)
            keep_pattern(
                session,
                visit.actor,
                own(visit),
                name,
                issue,
                template=template,
                replace=bool(replace),
            )
    except (ConflictError, ListError) as error:
        return _show(visit, error, kept_as=(name, source))
    return _to_patterns(newsletter, "kept")


@router.post("/patterns/{number}/start", response_model=None)
def _start(newsletter: str, number: int, visit: EditorVisit) -> Response:
    with transaction(visit.engine) as session:
        pattern = get_pattern(session, own(visit), number)
        begun = start_from_pattern(session, visit.actor, pattern)
        before = issue_from_json(pattern.content)
    return to_duplicate(newsletter, begun, before)


@router.post("/patterns/{number}/delete", response_model=None)
def _delete(newsletter: str, number: int, visit: EditorVisit) -> Response:
    with transaction(visit.engine) as session:
        delete_pattern(session, visit.actor, get_pattern(session, own(visit), number))
    return _to_patterns(newsletter, "deleted")


@router.post("/issues/next", response_model=None)
def _start_next(newsletter: str, visit: EditorVisit) -> Response:
    with transaction(visit.engine) as session:
        last = last_edition(session, own(visit)) or find_issue(session, own(visit), None)
        before = issue_from_json(last.content)
        begun = duplicate_issue(
            session,
            visit.actor,
            own(visit),
            before,
            template=last.template,
            source=last.slug,
        )
    return to_duplicate(newsletter, begun, before)


@router.post("/recurrence", response_model=None)
def _change_recurrence(
    newsletter: str,
    visit: EditorVisit,
    rule: Annotated[Rule | None, Depends(_read_rule)],
    days_before: _Number = 7,
    pattern: Annotated[int | None, Form()] = None,
    start: Annotated[date | None, Form()] = None,
    shown: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    try:
        with transaction(visit.engine) as session:
            chosen = get_pattern(session, own(visit), pattern).id if pattern else None
            set_recurrence(
                session,
                visit.actor,
                newsletter_of(session, visit),
                rule,
                days_before=days_before,
                pattern_id=chosen,
                start=start,
                shown=shown,
            )
    except (ListError, EditConflictError) as error:
        typed = RecurrencePlan(rule=rule, days_before=days_before, pattern_id=pattern)
        return _show(visit, error, typed, shown)
    return _to_patterns(newsletter, "recurrence")


@router.get("/search")
def _search(visit: EditorVisit, q: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        hits = search_issues(session, row.id, q)
    return show_page(
        visit,
        "issues/search.html",
        newsletter=row,
        asked=q,
        hits=hits,
    )


def _worded(
    error: EditConflictError, kept: RecurrencePlan, patterns: Mapping[int, str]
) -> NewsletterError:
    """Return an error with the saved values of a schedule that somebody else changed."""
    every = kept.rule.every.value if kept.rule else "never"
    pattern = patterns.get(kept.pattern_id) if kept.pattern_id else None
    return worded_clash(
        error,
        {
            "rule": msg("How often"),
            "days_before": msg("Days before its date when the draft opens"),
            "pattern_id": msg("It begins with"),
        },
        {"rule": detail_words(every, "every"), "pattern_id": pattern or msg("the last issue")},
    )


def _source(session: Session, visit: Visit, source: str) -> tuple[Issue, str]:
    """Return the issue of a choice such as ``draft 3``, and its template."""
    kind, _, number = source.partition(" ")
    found = read_number(number)
    if found is not None and kind == "draft":
        draft = get_draft(session, own(visit), found)
        return draft.issue, draft.template
    if found is not None and kind == "issue":
        row = get_issue(session, own(visit), found)
        return issue_from_json(row.content), row.template
    raise NotFoundError(msg("There is no such issue."))


def _to_patterns(newsletter: str, done: str) -> RedirectResponse:
    return RedirectResponse(f"/newsletters/{newsletter}/patterns?done={done}", status_code=303)
