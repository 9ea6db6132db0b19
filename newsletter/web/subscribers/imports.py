"""Pages of imports: upload of a list, choice of columns, check, import, download of problems."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Annotated

from fastapi import Form, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from newsletter.database.engine import reading, transaction
from newsletter.database.words import name_of
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.web.access import SubscribersVisit, Visit, newsletter_of
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, up_to
from subscribers.actions import cancel_list_import, order_list_import, undo_list_import
from subscribers.fields.reading import split_options
from subscribers.fields.store import list_fields
from subscribers.lists.columns.columns import KNOWN_COLUMNS, REMARK, UNRELATED
from subscribers.lists.columns.questions import (
    ANSWER_FIRST,
    CHOICES,
    MEANINGS,
    QuestionKind,
    UnclearColumnError,
    column_title,
    is_nameless,
)
from subscribers.lists.imports.import_report import RESULT_NAMES, results_csv
from subscribers.lists.imports.imports import earlier_imports
from subscribers.lists.imports.runs import problem_lines
from subscribers.lists.imports.trials import (
    GLANCED,
    NEW,
    TRIED,
    ListTrial,
    look_into,
    new_fields_of,
    trial_from_json,
    try_upload,
)
from subscribers.lists.imports.undo import can_be_undone, find_import, foresee, undone_of
from subscribers.lists.imports.uploads import (
    LARGEST,
    ImportTerms,
    ListUpload,
    file_chunks,
    find_upload,
    keep_upload,
    order_trial,
    progress_of,
)
from subscribers.lists.parsers.column_guesses import FIELD
from subscribers.lists.parsers.encodings import ENCODINGS
from subscribers.lists.parsers.text_lists import BESIDE, COMMENTS, SECTION
from subscribers.lists.words.formats import FIELDS, IGNORED

_EARLIER = 10
#: Characters of a pasted list.
_LONGEST_TEXT = 900_000
_PASTED = msg("Pasted list")
#: Prefix of the fields with answers to questions about columns; the column's number follows.
_ANSWER = "answer-"
#: The fields of ours that a column can become by the answer to a question about consent.
_ANSWERS = frozenset(chain.from_iterable(CHOICES.values())).intersection(FIELDS)
_Text = Annotated[str, Field(max_length=2000)]


class _Form(BaseModel):
    """The form with the terms of an import; ``column`` and ``ours`` are parallel lists.

    ``asked`` names columns, and ``answer-0`` etc. are the chosen ones of ``CHOICES`` for them; with
    ``none_asks``, none of the columns states who wants mail. ``word`` and ``meaning`` are parallel
    lists, too.
    """

    model_config = ConfigDict(extra="allow")

    basis: _Text = ""
    wording: _Text = ""
    tags: _Text = ""
    update: bool = False
    new_keys: bool = False
    column: list[_Text] = []
    ours: list[_Text] = []
    asked: list[_Text] = []
    none_asks: bool = False
    word: list[_Text] = []
    meaning: list[_Text] = []
    verb: str = ""

    def terms(self) -> ImportTerms:
        """Return the terms, without columns that are not imported."""
        # A field that is sent twice, which our form never does, is a list and no answer.
        given = {
            name: each for name, each in (self.model_extra or {}).items() if isinstance(each, str)
        }
        passed_over = tuple(self.asked) if self.none_asks else ()
        answers = {
            column: given.get(f"{_ANSWER}{at}", "")
            for at, column in enumerate(self.asked)
            if not passed_over
        }
        ours = dict(zip(self.column, self.ours, strict=False))
        for column, answer in answers.items():
            little = ours.get(column, IGNORED)
            if answer in _ANSWERS and (little in {IGNORED, NEW} or little.startswith(FIELD)):
                has_other = "unsubscribed_at" in ours.values() and answer == "unsubscribed_at"
                ours[column] = "disabled" if has_other else answer
        return ImportTerms(
            basis=self.basis.strip(),
            wording=self.wording.strip(),
            tags=tuple(split_options(self.tags)),
            update=self.update,
            new_columns=tuple(column for column, what in ours.items() if what == NEW),
            new_keys=self.new_keys,
            columns={
                column: what
                for column, what in ours.items()
                if what in KNOWN_COLUMNS or what.startswith(FIELD)
            },
            unrelated=tuple(column for column, answer in answers.items() if answer == UNRELATED),
            heeded=tuple(column for column, answer in answers.items() if answer == REMARK),
            passed_over=passed_over,
            states={
                word: meaning
                for word, meaning in zip(self.word, self.meaning, strict=False)
                if meaning in MEANINGS
            },
        )


_TermsForm = Annotated[_Form, Form()]


def _begin(visit: Visit, error: ListError | None = None) -> HTMLResponse:
    """Show the form for uploading a list, and earlier imports."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        earlier = earlier_imports(session, row.id, limit=_EARLIER)
    return show_page(
        visit,
        "subscribers/import.html",
        status=400 if error else 200,
        newsletter=row,
        earlier=[(one, can_be_undone(one), undone_of(one)) for one in earlier],
        error=error,
        encodings=ENCODINGS,
    )


def _bring(visit: Visit, file: UploadFile | None, text: str, encoding: str) -> Response:
    """Store an uploaded or pasted list, and redirect to its page.

    A file with a chosen encoding is stored in UTF-8, a workbook as the text of its sheet.
    """
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
    if file is not None and file.filename:
        name = file.filename
        chunks = file_chunks(file.file, name=name, encoding=encoding)
    else:
        chunks = iter([text.encode()] if text.strip() else [])
        form = ".json" if text.lstrip().startswith(("{", "[")) else ""
        name = f"{_PASTED.in_language(visit.language)}{form}"
    try:
        upload = keep_upload(visit.engine, chunks, name=name, newsletter_id=row.id)
    except ListError as error:
        return _begin(visit, error)
    return RedirectResponse(f"{visit.path}/{upload.token}", status_code=303)


def _show(visit: Visit, upload: ListUpload) -> HTMLResponse:
    """Show a list: the progress of its import or check, or the form with its terms."""
    if upload.is_open:
        trial = trial_from_json(upload.trial) if upload.trial else None
        return _ask(visit, upload, terms=upload.terms, trial=trial, error=upload.error)
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        progress = progress_of(session, upload)
    return show_page(
        visit,
        "subscribers/import_progress.html",
        newsletter=row,
        upload=upload,
        state=upload.state.value,
        progress=progress,
    )


def _ask(
    visit: Visit,
    upload: ListUpload,
    *,
    terms: ImportTerms | None = None,
    trial: ListTrial | None = None,
    error: ListError | Message | None = None,
) -> HTMLResponse:
    """Show the form with the terms of an import."""
    try:
        glance = look_into(visit.engine, upload, terms)
    except ListError as unreadable:
        return _begin(visit, unreadable)
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        fields = list_fields(session, row.id)
    chosen = glance.columns
    answers: dict[str, str] = {}
    if terms is not None:
        chosen = {**terms.columns, **dict.fromkeys(terms.new_columns, NEW)}
        answers = {**terms.columns}
        answers |= dict.fromkeys(terms.unrelated, UNRELATED)
        answers |= dict.fromkeys(terms.heeded, REMARK)
        answers |= dict.fromkeys(terms.passed_over, UNRELATED)
    questions = [one for one in glance.questions if one.kind is not QuestionKind.STATES]
    shown = ANSWER_FIRST if isinstance(error, UnclearColumnError) else error
    return show_page(
        visit,
        "subscribers/import_terms.html",
        status=400 if isinstance(error, ListError) else 200,
        newsletter=row,
        upload=upload,
        glance=glance,
        nameless={
            name: column_title(name).in_language(visit.language)
            for name in glance.columns
            if is_nameless(name) or name in {SECTION, BESIDE, COMMENTS}
        },
        chosen=chosen,
        answers=answers,
        questions=questions,
        unknown_states=[one for one in glance.questions if one.kind is QuestionKind.STATES],
        answered={each.column for each in questions if answers.get(each.column) in _ANSWERS},
        unanswered={each.column for each in questions if not answers.get(each.column)},
        none_asks=terms is not None
        and questions
        and all(each.column in terms.passed_over for each in questions),
        meanings=MEANINGS,
        has_keys="attributes" in glance.columns.values(),
        terms=terms or ImportTerms(basis=""),
        trial=trial,
        result_names=RESULT_NAMES,
        error=shown,
        known=FIELDS,
        labels={
            each.key: each.label(visit.language)
            for each in (*fields, *(trial.new_fields if trial else ()))
        },
        custom=[(FIELD + each.key, each.label(visit.language)) for each in fields],
        new_fields=[(each.label(visit.language), name_of(each.type)) for each in trial.new_fields]
        if trial
        else [],
    )


def _list_problems(visit: Visit, upload: ListUpload, form: _Form) -> Response:
    """Return the result of the check for each row, up to the limit of an immediate check."""
    terms = form.terms()
    language = _language_of(visit)
    try:
        trial = try_upload(
            visit.engine, upload, terms, language=language, pseudonyms=visit.site.pseudonyms
        )
    except ListError as error:
        return _ask(visit, upload, terms=terms, error=error)
    return _csv([results_csv(trial.report.checked, visit.language)], "check.csv")


def _take(visit: Visit, upload: ListUpload, form: _Form) -> Response:
    """Check a list or order its import; workers check long lists."""
    terms, new = None, None
    if upload.is_open:
        terms = form.terms()
        is_checked_here = form.verb == "import" or upload.rows <= TRIED
        try:
            trial = try_upload(
                visit.engine,
                upload,
                terms,
                language=_language_of(visit),
                pseudonyms=visit.site.pseudonyms,
                most=TRIED if is_checked_here else GLANCED,
            )
        except ListError as error:
            return _ask(visit, upload, terms=terms, error=error)
        if not is_checked_here:
            with transaction(visit.engine) as session:
                order_trial(session, upload, terms)
            return RedirectResponse(visit.path, status_code=303)
        if form.verb != "import":
            return _ask(visit, upload, terms=terms, trial=trial)
        new = new_fields_of(visit.engine, upload, terms, _language_of(visit))
    with transaction(visit.engine) as session:
        order_list_import(session, visit.actor, upload, terms, new)
    return RedirectResponse(visit.path, status_code=303)


def _find(visit: Visit, token: str) -> ListUpload:
    """Return an uploaded list of the newsletter.

    Raises:
        NotFoundError: The list does not exist (any more).
    """
    with reading(visit.engine) as session:
        return find_upload(session, token, newsletter_of(session, visit).id)


def _language_of(visit: Visit) -> Language:
    """Return the language of people without a language of their own."""
    with reading(visit.engine) as session:
        return newsletter_of(session, visit).language


router = Router(prefix="/newsletters/{newsletter}/subscribers/import")


@router.get("")
def _show_begin(visit: SubscribersVisit) -> HTMLResponse:
    return _begin(visit)


# Slightly more than the limit of a list, so that the page can explain the limit.
@router.post("", dependencies=[up_to(LARGEST + 1_000_000)])
def _take_list(
    visit: SubscribersVisit,
    file: UploadFile | None = None,
    text: Annotated[str, Form(max_length=_LONGEST_TEXT)] = "",
    encoding: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    chosen = encoding if encoding in ENCODINGS else ""
    return _bring(visit, file, text, chosen)


@router.get("/{token}")
def _show_list(visit: SubscribersVisit, token: str) -> HTMLResponse:
    return _show(visit, _find(visit, token))


@router.post("/{token}")
def _take_terms(visit: SubscribersVisit, token: str, form: _TermsForm) -> Response:
    return _take(visit, _find(visit, token), form)


@router.post("/{token}/check.csv", response_model=None)
def _list_check(visit: SubscribersVisit, token: str, form: _TermsForm) -> Response:
    return _list_problems(visit, _find(visit, token), form)


@router.post("/{token}/cancel")
def _cancel(visit: SubscribersVisit, token: str) -> RedirectResponse:
    upload = _find(visit, token)
    with transaction(visit.engine) as session:
        cancel_list_import(session, visit.actor, upload)
    return RedirectResponse(visit.path.removesuffix("/cancel"), status_code=303)


@router.get("/{token}/problems.csv")
def _problems(visit: SubscribersVisit, token: str) -> StreamingResponse:
    lines = problem_lines(visit.engine, _find(visit, token), visit.language)
    return _csv(lines, "problems.csv")


def _csv(lines: Iterable[str], name: str) -> StreamingResponse:
    return StreamingResponse(
        # Excel recognizes UTF-8 by the byte order mark.
        chain(["\ufeff"], lines),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/undo/{number}")
def _ask_undo(visit: SubscribersVisit, number: int) -> HTMLResponse:
    """Show the effect of undoing an import, and ask for confirmation."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        outlook = foresee(session, find_import(session, row.id, number))
    return show_page(visit, "subscribers/import_undo.html", newsletter=row, outlook=outlook)


@router.post("/undo/{number}")
def _undo(visit: SubscribersVisit, number: int) -> RedirectResponse:
    with transaction(visit.engine) as session:
        row = newsletter_of(session, visit)
        undo_list_import(session, visit.actor, row.id, number)
    path = visit.path.removesuffix(f"/undo/{number}")
    return RedirectResponse(f"{path}#earlier", status_code=303)
