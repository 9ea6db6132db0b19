"""Pages of a newsletter's fields and topics, for administrators."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import FieldType
from newsletter.database.words import name_of
from newsletter.errors import ConflictError, ListError, NewsletterError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, nmsg
from newsletter.newsletters.publications import list_sharing
from newsletter.web.access import AdministratorVisit, Visit, newsletter_of
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, SubmittedForm, up_to
from subscribers.fields.actions import (
    add_field,
    change_field,
    delete_field,
    order_fields,
    segments_with,
)
from subscribers.fields.model import TOPIC, Field, Option, field_to_json
from subscribers.fields.purging import count_values
from subscribers.fields.store import find_field, list_fields
from subscribers.forms.actions import ask_in_forms
from subscribers.forms.store import forms_without

#: Octets of a form: 200 options with labels and descriptions in each language.
_LARGEST = 1_000_000
#: Empty rows for new options.
_SPARE = 3
_NEW = Field(key="", type=FieldType.TEXT)
_NEW_TOPICS = Field(
    key=TOPIC,
    type=FieldType.CHOICES,
    labels={"ja": "関心のある話題", "en": "Topics of interest"},
    ask_on_joining=True,
    reader_may_change=True,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Typed:
    """The form of a field; ``before`` is None for a new field."""

    field: Field
    before: Field | None
    error: NewsletterError | None = None
    lost: Sequence[Message] = ()

    @property
    def place(self) -> str:
        """The part of the definition that has the error."""
        return (self.error.place.field or "") if self.error and self.error.place else ""


def _show(visit: Visit, typed: _Typed, *, status: int | None = None) -> HTMLResponse:
    """Show the form of one field."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        unasked = forms_without(session, row.id)
    return show_page(
        visit,
        "subscribers/field.html",
        status=status or (400 if typed.error else 200),
        newsletter=row,
        typed=typed,
        unasked=unasked.get(typed.before.key, ()) if typed.before else (),
        field=typed.field,
        seen=_fingerprint(typed.before) if typed.before else "",
        label=typed.before.label(visit.language) if typed.before else "",
        types=[(kind.value, name_of(kind).in_language(visit.language)) for kind in FieldType],
        options=[*typed.field.options, *(Option(value="") for _ in range(_SPARE))],
    )


def _find(visit: Visit, key: str) -> Field:
    """Return a field of the newsletter.

    Raises:
        NotFoundError: No field has this key.
    """
    with reading(visit.engine) as session:
        return find_field(session, newsletter_of(session, visit).id, key)


def _losses(visit: Visit, before: Field, after: Field) -> Sequence[Message]:
    kept = {option.value for option in after.options}
    with reading(visit.engine) as session:
        number = newsletter_of(session, visit).id
        counts = [
            (option, count_values(session, number, before.key, option.value))
            for option in before.options
            if option.value not in kept
        ]
    return [_loss(option, count, visit.language) for option, count in counts if count]


def _ask(visit: Visit, key: str, error: NewsletterError | None = None) -> HTMLResponse:
    """Ask for confirmation of deleting a field, with the number of people who have a value."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        field = find_field(session, row.id, key)
        count = count_values(session, row.id, key)
        segments = segments_with(session, row.id, key)
    return show_page(
        visit,
        "subscribers/field_delete.html",
        status=409 if error else 200,
        newsletter=row,
        field=field,
        label=field.label(visit.language),
        count=count,
        segments=segments,
        error=error,
    )


router = Router(prefix="/newsletters/{newsletter}/fields")


@router.get("")
def _show_fields(visit: AdministratorVisit) -> HTMLResponse:
    """Show all fields, and the newsletters that share them."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        fields = list_fields(session, row.id)
        unasked = forms_without(session, row.id)
        sharing = [each.name for each in list_sharing(session, row.id) if each.id != row.id]
    return show_page(
        visit,
        "subscribers/fields.html",
        newsletter=row,
        fields=fields,
        unasked=unasked,
        topics=next((field for field in fields if field.is_topic), None),
        sharing=sharing,
        types={kind.value: name_of(kind).in_language(visit.language) for kind in FieldType},
        spoken=visit.language,
        notice=visit.request.query_params.get("done", ""),
    )


@router.get("/new")
def _show_new(visit: AdministratorVisit, topics: bool = False) -> HTMLResponse:  # noqa: FBT001, FBT002 - a query's field
    return _show(visit, _Typed(field=_NEW_TOPICS if topics else _NEW, before=None))


@router.post("", dependencies=[up_to(_LARGEST)])
def _add(visit: AdministratorVisit, form: SubmittedForm) -> Response:
    """Add a field, or show its error."""
    field = _field_of(form, None)
    try:
        with transaction(visit.engine) as session:
            add_field(session, visit.actor, newsletter_of(session, visit).id, field)
    except (ListError, ConflictError) as error:
        return _show(visit, _Typed(field=field, before=None, error=error))
    return RedirectResponse(f"{visit.path}?done=saved", status_code=303)


@router.post("/order")
def _move(visit: AdministratorVisit, form: SubmittedForm) -> Response:
    """Move a field by one position; nothing changes at the end of the list."""
    key, up = str(form.get("key", "")), form.get("to") == "up"
    with transaction(visit.engine) as session:
        number = newsletter_of(session, visit).id
        keys = [field.key for field in list_fields(session, number)]
        if key in keys:
            place = keys.index(key)
            keys.insert(max(place - 1, 0) if up else place + 1, keys.pop(place))
            order_fields(session, visit.actor, number, keys)
    return RedirectResponse(visit.path.removesuffix("/order"), status_code=303)


@router.get("/{key}")
def _show_field(visit: AdministratorVisit, key: str) -> HTMLResponse:
    field = _find(visit, key)
    return _show(visit, _Typed(field=field, before=field))


@router.post("/{key}", dependencies=[up_to(_LARGEST)])
def _change(visit: AdministratorVisit, key: str, form: SubmittedForm) -> Response:
    """Change a field; removing options that people have chosen requires a confirmation."""
    before = _find(visit, key)
    field = _field_of(form, before)
    lost = [] if form.get("sure") == "1" else _losses(visit, before, field)
    if lost:
        typed = _Typed(field=field, before=before, lost=lost)
        return _show(visit, typed, status=409)
    try:
        if form.get("seen") != _fingerprint(before):
            raise _changed_meanwhile()
        with transaction(visit.engine) as session:
            change_field(session, visit.actor, newsletter_of(session, visit).id, field)
    except (ListError, ConflictError) as error:
        return _show(visit, _Typed(field=field, before=before, error=error))
    path = visit.path.rpartition("/")[0]
    return RedirectResponse(f"{path}?done=saved", status_code=303)


@router.post("/{key}/forms")
def _ask_in_all(visit: AdministratorVisit, key: str) -> Response:
    with transaction(visit.engine) as session:
        ask_in_forms(session, visit.actor, newsletter_of(session, visit).id, key)
    path = visit.path.removesuffix(f"/{key}/forms")
    return RedirectResponse(f"{path}?done=forms", status_code=303)


@router.get("/{key}/delete")
def _ask_to_delete(visit: AdministratorVisit, key: str) -> HTMLResponse:
    return _ask(visit, key)


@router.post("/{key}/delete")
def _delete(visit: AdministratorVisit, key: str) -> Response:
    """Delete a field."""
    try:
        with transaction(visit.engine) as session:
            delete_field(session, visit.actor, newsletter_of(session, visit).id, key)
    except ConflictError as error:
        return _ask(visit, key, error)
    path = visit.path.removesuffix(f"/{key}/delete")
    return RedirectResponse(f"{path}?done=deleted", status_code=303)


def _loss(option: Option, count: int, language: Language) -> Message:
    return nmsg(
        "“{option}” was chosen by {count} person.",
        "“{option}” was chosen by {count} people.",
        count,
        option=option.label(language),
    )


def _changed_meanwhile() -> ConflictError:
    return ConflictError(
        msg("Somebody changed this field meanwhile."),
        remedy=msg("Load the page again to see it as it is now."),
    )


def _fingerprint(field: Field) -> str:
    text = json.dumps(field_to_json(field), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _field_of(form: FormData, before: Field | None) -> Field:
    """Return the field of a form; an existing field keeps its key and type."""
    kind = str(form.get("type", ""))
    labels = {each.value: str(form.get(f"label-{each.value}", "")) for each in Language}
    days = str(form.get("retention_days", "")).strip()
    field = Field(
        key=before.key if before else str(form.get("key", "")).strip(),
        type=FieldType(kind) if kind in set(FieldType) else FieldType.TEXT,
        labels={tag: words for tag, words in labels.items() if words.strip()},
        options=(),
        required=form.get("required") == "1",
        ask_on_joining=form.get("ask_on_joining") == "1",
        reader_may_change=form.get("reader_may_change") == "1",
        purpose=str(form.get("purpose", "")),
        # An invalid number becomes 0, which the check of the definition refuses.
        retention_days=None if not days else int(days) if re.fullmatch(r"\d{1,6}", days) else 0,
    )
    return replace(field, options=_options_of(form, before)) if field.type.has_options else field


def _options_of(form: FormData, before: Field | None) -> tuple[Option, ...]:
    known: Mapping[str, Option] = {
        option.value: option for option in (before.options if before else ())
    }
    options: list[tuple[float, Option]] = []
    for number in range(_most(form)):
        place = f"option-{number}"
        labels = _words(form, f"{place}-label")
        # The value of a new option is its first label, and never changes later.
        value = str(form.get(place, "")).strip() or next(iter(labels.values()), "")
        if not value or form.get(f"{place}-remove") == "1":
            continue
        order = str(form.get(f"{place}-order", ""))
        earlier = known.get(value, Option(value=value))
        option = replace(
            earlier,
            labels={**earlier.labels, **dict.fromkeys(map(str, Language), ""), **labels},
            descriptions={
                **earlier.descriptions,
                **dict.fromkeys(map(str, Language), ""),
                **_words(form, f"{place}-description"),
            },
        )
        options.append((float(order) if re.fullmatch(r"\d{1,4}", order) else number + 1, option))
    return tuple(option for _, option in sorted(options, key=lambda pair: pair[0]))


def _most(form: FormData) -> int:
    numbers = (re.match(r"option-(\d{1,3})(?:-|\Z)", name) for name in form)
    return max((int(match[1]) for match in numbers if match), default=-1) + 1


def _words(form: FormData, place: str) -> dict[str, str]:
    given = {each.value: str(form.get(f"{place}-{each.value}", "")).strip() for each in Language}
    return {tag: words for tag, words in given.items() if words}
