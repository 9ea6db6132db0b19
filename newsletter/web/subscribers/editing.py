"""Pages on which staff add, edit or erase one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.edit_conflicts import EditConflictError, merge_changes, shown_of
from newsletter.errors import ConflictError, ListError, NewsletterError
from newsletter.i18n.language import language_name, offered_languages, time_zone_names
from newsletter.web.access import (
    OverallAdministratorVisit,
    SubscribersVisit,
    Visit,
    newsletter_of,
    own,
)
from newsletter.web.edit_conflicts import worded_clash
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, SubmittedForm
from newsletter.web.subscribers.field_inputs import inputs_of, submitted
from subscribers.actions import erase_person, find_standing
from subscribers.editing import Ground, PersonDraft, add_person, edit_person, known_draft
from subscribers.fields.model import Field
from subscribers.fields.reading import split_options
from subscribers.fields.store import list_fields
from subscribers.frequency import offered_frequencies

_NO_GROUND = Ground(basis="")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Typed:
    """The form of a person with its error."""

    draft: PersonDraft
    address: str = ""
    shown: str = ""
    ground: Ground = _NO_GROUND
    number: int | None = None
    error: NewsletterError | None = None

    @property
    def place(self) -> str:
        """The field of the error; empty if it concerns no field of the form."""
        return self.error.field if self.error else ""


def _show(visit: Visit, typed: _Typed) -> HTMLResponse:
    """Show the form; without ``number``, that of a new person."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        fields = list_fields(session, row.id)
        frequencies = offered_frequencies(session, row.id)
    errors = {typed.place: typed.error} if typed.error and typed.place else {}
    return show_page(
        visit,
        "subscribers/person_form.html",
        status=400 if typed.error else 200,
        newsletter=row,
        typed=typed,
        errors=errors,
        error=None if typed.place else typed.error,
        inputs=inputs_of(
            # Required fields are for readers; staff may not know all values.
            [replace(field, required=False) for field in fields],
            typed.draft.values,
            visit.language,
            errors=errors,
        ),
        frequencies=frequencies,
        spoken=_spoken((typed.draft.language, row.language.value, *row.languages), visit),
        zones=time_zone_names(visit.language),
    )


def _edited(visit: Visit, number: int) -> _Typed:
    """Return the form of a person with the saved values.

    Raises:
        NotFoundError: The person is not on the list.
    """
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        standing = find_standing(session, row.id, number)
        draft = known_draft(session, row.id, number)
    address = standing.person.address or ""
    return _Typed(draft=draft, address=address, number=number, shown=shown_of(draft))


def _fields(visit: Visit) -> Sequence[Field]:
    with reading(visit.engine) as session:
        return list_fields(session, newsletter_of(session, visit).id)


router = Router(prefix="/newsletters/{newsletter}/subscribers")


@router.get("/new")
def _show_new(visit: SubscribersVisit) -> HTMLResponse:
    return _show(visit, _Typed(draft=PersonDraft()))


@router.post("/new")
def _add(visit: SubscribersVisit, form: SubmittedForm) -> Response:
    """Process the form of a new person."""
    typed = _Typed(
        draft=_draft_of(form, _fields(visit)),
        address=str(form.get("address", "")).strip()[:320],
        ground=Ground(
            basis=str(form.get("basis", "")), wording=str(form.get("wording", ""))[:2000]
        ),
    )
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
    try:
        number = add_person(
            visit.engine,
            visit.actor,
            row,
            typed.address,
            typed.draft,
            ground=typed.ground,
            pseudonyms=visit.site.pseudonyms,
        )
    except (ListError, ConflictError) as error:
        return _show(visit, replace(typed, error=error))
    path = visit.path.removesuffix("/new")
    return RedirectResponse(f"{path}/{number}", status_code=303)


@router.get("/{number}/edit")
def _show_person(number: int, visit: SubscribersVisit) -> HTMLResponse:
    return _show(visit, _edited(visit, number))


@router.post("/{number}/edit")
def _change(number: int, visit: SubscribersVisit, form: SubmittedForm) -> Response:
    """Process the form of an existing person."""
    before = _edited(visit, number)
    fields = _fields(visit)
    draft, shown = _draft_of(form, fields), str(form.get("shown", ""))
    try:
        with transaction(visit.engine) as session:
            newsletter_id = newsletter_of(session, visit).id
            edit_person(session, visit.actor, newsletter_id, number, draft, shown=shown)
    except EditConflictError as error:
        merged = merge_changes(shown, draft, before.draft).value
        names = {f"values.{each.key}": each.named for each in fields}
        clash = worded_clash(error, names)
        return _show(visit, replace(before, draft=merged, error=clash))
    except (ListError, ConflictError) as error:
        typed = replace(before, draft=draft, shown=shown, error=error)
        return _show(visit, typed)
    return RedirectResponse(visit.path.removesuffix("/edit"), status_code=303)


def _spoken(first: Sequence[str], visit: Visit) -> list[tuple[str, str]]:
    """Return the choices of languages by tag and name: the person's, the newsletter's, others."""
    tags = offered_languages(filter(None, first))
    return [(tag, language_name(tag, visit.language) or tag) for tag in tags]


def _draft_of(form: FormData, fields: Sequence[Field]) -> PersonDraft:
    return PersonDraft(
        name=str(form.get("name", "")),
        language=str(form.get("language", "")),
        time_zone=str(form.get("time_zone", "")),
        html=form.get("format") != "text",
        frequency=str(form.get("frequency", "")),
        tags=tuple(split_options(str(form.get("tags", ""))[:5000])),
        values=submitted(form, fields),
    )


@router.get("/{number}/erase")
def _ask_to_erase(number: int, visit: OverallAdministratorVisit) -> HTMLResponse:
    return _ask(visit, number)


@router.post("/{number}/erase")
def _erase(number: int, visit: OverallAdministratorVisit, form: SubmittedForm) -> Response:
    if form.get("sure") != "yes":
        return _ask(visit, number, unsure=True)
    with transaction(visit.engine) as session:
        find_standing(session, own(visit), number)
        erase_person(
            session, visit.actor, number, visit.site.pseudonyms, way=UnsubscribeWay.OPERATOR
        )
    page = "/".join(visit.path.split("/")[:4])
    return RedirectResponse(f"{page}?erased=1", status_code=303)


def _ask(visit: Visit, number: int, *, unsure: bool = False) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        standing = find_standing(session, row.id, number)
    return show_page(
        visit,
        "subscribers/erase.html",
        status=400 if unsure else 200,
        newsletter=row,
        person=standing.person,
        unsure=unsure,
    )
