"""Writing: an issue's Markdown beside its mail and its preflight; saved so that nobody is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import record_event
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import RevisionKind
from newsletter.errors import ContentError, ListError, NewsletterError, NotFoundError
from newsletter.issues.difference import difference
from newsletter.issues.drafts import (
    Draft,
    DraftConflictError,
    delete_draft,
    get_draft,
    get_revision,
    list_revisions,
    publish_draft,
    restore_revision,
    save_draft,
)
from newsletter.issues.images import encode_image, keep_image
from newsletter.issues.markdown_writer import to_markdown
from newsletter.issues.model import Issue, Picture
from newsletter.language import Language
from newsletter.settings import Settings
from newsletter.web.access import EditorVisit, Visit
from newsletter.web.pages import Pages
from newsletter.web.writing.proof import (
    Proof,
    make_proof,
    read_text,
    shown_mail,
    shown_preheader,
    shown_subject,
    shown_text,
)
from newsletter.web.writing.shelf import newsletter_of
from subscribers.addresses import parse_address

#: Octets; one more than `encode_image` takes.
_LARGEST_PICTURE = 10_000_001
_Text = Annotated[str, Form(max_length=4_000_000)]
_Field = Annotated[str, Form(max_length=2000)]
_Revision = Annotated[int, Form(ge=0)]
_SAMPLE = {Language.JAPANESE: "見本 花子", Language.ENGLISH: "Jane Sample"}
#: The mail is shown without scripts, and asks no other host for anything.
_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
)


def desk_router(engine: Engine, settings: Settings, pages: Pages) -> APIRouter:  # noqa: C901, PLR0915 - a list of routes
    """Return the routes of one draft."""
    router = APIRouter(prefix="/newsletters/{newsletter}/drafts/{number}")

    def _proof(session: Session, visit: Visit, text: str) -> Proof:
        row = newsletter_of(session, visit)
        return make_proof(text, row, folder=settings.templates_dir, language=visit.language)

    def _show(
        visit: Visit,
        request: Request,
        draft: Draft,
        *,
        text: str = "",
        status: int = 200,
        error: NewsletterError | None = None,
    ) -> HTMLResponse:
        text = text or to_markdown(draft.issue, template=draft.template)
        proof: Proof | None = None
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            try:
                proof = _proof(session, visit, text)
            except (ContentError, NotFoundError) as fault:
                error = error or fault
        rendered = proof.preflight.rendered if proof else None
        return pages.show_to(
            visit,
            request,
            "writing/write.html",
            status=status,
            newsletter=row,
            draft=draft,
            text=text,
            error=error,
            marked=proof.marked if proof else (),
            subject=shown_subject(rendered, name="") if rendered else "",
            preheader=shown_preheader(proof.issue) if proof else "",
            told={"read": "", **request.query_params},
        )

    @router.get("")
    def write(number: int, visit: EditorVisit, request: Request) -> HTMLResponse:
        with reading(engine) as session:
            draft = get_draft(session, _own(visit), number)
        return _show(visit, request, draft)

    @router.post("", response_model=None)
    def save(
        newsletter: str,
        number: int,
        visit: EditorVisit,
        request: Request,
        revision: _Revision,
        text: _Text = "",
        fix: _Field = "",
    ) -> Response:
        by_itself = "application/json" in request.headers.get("accept", "")
        with reading(engine) as session:
            draft = get_draft(session, _own(visit), number)
        kind = RevisionKind.AUTOSAVED if by_itself else RevisionKind.SAVED
        try:
            issue, template = read_text(text, visit.language)
            if fix:
                with reading(engine) as session:
                    found = _proof(session, visit, text).preflight.findings
                mend = next((f.fix for f in found if f.key == fix and f.fix), None)
                issue, kind = (mend(issue), RevisionKind.FIXED) if mend else (issue, kind)
            with transaction(engine) as session:
                began = _began_with(get_draft(session, _own(visit), number), revision)
                saved = save_draft(
                    session, began, issue, author=visit.address, template=template, kind=kind
                )
        except DraftConflictError as conflict:
            if by_itself:
                return JSONResponse({"author": conflict.theirs.author}, status_code=409)
            return _show_conflict(visit, request, conflict, text)
        except (ContentError, NotFoundError) as error:
            if by_itself:
                return JSONResponse(_told(error), status_code=422)
            return _show(visit, request, draft, text=text, status=422, error=error)
        if by_itself:
            return JSONResponse({"revision": saved.revision})
        return _to_draft(newsletter, number)

    def _show_conflict(
        visit: Visit, request: Request, conflict: DraftConflictError, text: str
    ) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
        return pages.show_to(
            visit,
            request,
            "writing/conflict.html",
            status=409,
            newsletter=row,
            draft=conflict.theirs,
            lines=difference(conflict.theirs.issue, conflict.mine),
            text=text,
        )

    @router.post("/preview")
    def preview(
        visit: EditorVisit,
        text: _Text = "",
        reader: _Field = "",
        dark: Annotated[bool, Form()] = False,  # noqa: FBT002 - a form's field
    ) -> JSONResponse:
        try:
            with reading(engine) as session:
                proof = _proof(session, visit, text)
                name = _name_of(session, visit, reader)
        except (ContentError, NotFoundError) as error:
            return JSONResponse(_told(error), status_code=422)
        findings = pages.render(
            "writing/findings.html",
            language=visit.language,
            marked=proof.marked,
            language_of_findings=visit.language,
        )
        rendered = proof.preflight.rendered
        answer = {"findings": findings}
        if rendered is not None:
            answer |= {
                "html": shown_mail(rendered, name=name, dark=dark),
                "text": shown_text(rendered, name=name),
                "subject": shown_subject(rendered, name=name),
                "preheader": shown_preheader(proof.issue),
            }
        return JSONResponse(answer)

    @router.get("/mail")
    def mail(number: int, visit: EditorVisit) -> HTMLResponse:
        with reading(engine) as session:
            draft = get_draft(session, _own(visit), number)
            proof = _proof(session, visit, to_markdown(draft.issue, template=draft.template))
        rendered = proof.preflight.rendered
        html = shown_mail(rendered, name=_SAMPLE[visit.language], dark=False) if rendered else ""
        return HTMLResponse(html, headers={"Content-Security-Policy": _FRAME_POLICY})

    @router.get("/history")
    def history(
        number: int, visit: EditorVisit, request: Request, at: int | None = None
    ) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            draft = get_draft(session, row.id, number)
            revisions = list_revisions(session, draft)
            chosen = get_revision(session, draft, at) if at is not None else None
        return pages.show_to(
            visit,
            request,
            "writing/history.html",
            newsletter=row,
            draft=draft,
            revisions=revisions,
            chosen=chosen,
            lines=difference(chosen.issue, draft.issue) if chosen else (),
        )

    @router.post("/restore", response_model=None)
    def restore(
        newsletter: str,
        number: int,
        visit: EditorVisit,
        request: Request,
        revision: _Revision,
        at: _Revision,
    ) -> Response:
        try:
            with transaction(engine) as session:
                draft = _began_with(get_draft(session, _own(visit), number), revision)
                restore_revision(session, draft, at, author=visit.address)
                _record(session, visit, "issue.restore", number, {"revision": at})
        except DraftConflictError as conflict:
            text = to_markdown(conflict.mine)
            return _show_conflict(visit, request, conflict, text)
        return _to_draft(newsletter, number)

    @router.post("/pictures", response_model=None)
    def add_picture(
        newsletter: str,
        number: int,
        visit: EditorVisit,
        request: Request,
        file: UploadFile,
        revision: _Revision,
        alt: _Field = "",
    ) -> Response:
        with reading(engine) as session:
            draft = get_draft(session, _own(visit), number)
        try:
            encoded = encode_image(
                file.file.read(_LARGEST_PICTURE), source=(file.filename or "")[:100]
            )
            with transaction(engine) as session:
                path = keep_image(session, draft.newsletter_id, encoded, alt=alt)
                source = settings.public_url.rstrip("/") + path
                picture = Picture(source=source, alt=alt.strip())
                issue = with_picture(draft.issue, picture)
                save_draft(session, _began_with(draft, revision), issue, author=visit.address)
        except DraftConflictError as conflict:
            return _show_conflict(visit, request, conflict, to_markdown(conflict.mine))
        except ContentError as error:
            return _show(visit, request, draft, status=422, error=error)
        return _to_draft(newsletter, number)

    @router.post("/delete")
    def delete(newsletter: str, number: int, visit: EditorVisit) -> RedirectResponse:
        with transaction(engine) as session:
            draft = get_draft(session, _own(visit), number)
            delete_draft(session, draft)
            _record(session, visit, "issue.delete", number, {"title": draft.issue.title})
        return RedirectResponse(f"/newsletters/{newsletter}/issues", status_code=303)

    @router.post("/publish", response_model=None)
    def publish(
        newsletter: str, number: int, visit: EditorVisit, request: Request, revision: _Revision
    ) -> Response:
        draft: Draft | None = None
        try:
            with transaction(engine) as session:
                draft = get_draft(session, _own(visit), number)
                text = to_markdown(draft.issue, template=draft.template)
                _demand_sound(_proof(session, visit, text))
                issue = publish_draft(session, _began_with(draft, revision))
                _record(session, visit, "issue.publish", number, {"issue": issue.slug})
                target = issue.id
        except DraftConflictError as conflict:
            return _show_conflict(visit, request, conflict, to_markdown(conflict.mine))
        except NewsletterError as error:
            if draft is None:
                raise
            return _show(visit, request, draft, status=409, error=error)
        return RedirectResponse(f"/newsletters/{newsletter}/issues/{target}/send", status_code=303)

    return router


def _own(visit: Visit) -> int:
    assert visit.newsletter_id is not None  # noqa: S101 - the path names it; see `Requires`
    return visit.newsletter_id


def _to_draft(newsletter: str, number: int) -> RedirectResponse:
    return RedirectResponse(f"/newsletters/{newsletter}/drafts/{number}", status_code=303)


def _began_with(draft: Draft, revision: int) -> Draft:
    """Return the draft as the page's form knew it, so that a later save is seen as a conflict."""
    return replace(draft, revision=revision)


def _told(error: NewsletterError) -> dict[str, str | int | None]:
    line = error.place.line if error.place else None
    return {"line": line, "what": error.what, "remedy": error.remedy}


def _name_of(session: Session, visit: Visit, typed: str) -> str:
    """Return the name of one of the newsletter's subscribers; a sample's for any other address."""
    try:
        key = parse_address(typed).key
    except ListError:
        return _SAMPLE[visit.language]
    found = session.scalar(
        select(SubscriberRow.name)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(
            SubscriptionRow.newsletter_id == visit.newsletter_id,
            SubscriberRow.address_key == key,
        )
    )
    return _SAMPLE[visit.language] if found is None else found


def _record(
    session: Session, visit: Visit, action: str, number: int, details: dict[str, object]
) -> None:
    record_event(
        session,
        visit.actor,
        action,
        object=f"draft {number}",
        newsletter_id=visit.newsletter_id,
        details=details,
    )


def with_picture(issue: Issue, picture: Picture) -> Issue:
    """Return an issue with a picture at the end: of its last chapter, or else of its lead."""
    if not issue.chapters:
        return replace(issue, lead=(*issue.lead, picture))
    *before, last = issue.chapters
    return replace(issue, chapters=(*before, replace(last, body=(*last.body, picture))))


def _demand_sound(proof: Proof) -> None:
    if proof.preflight.blocked:
        raise ContentError("Preflight found errors.", remedy="Mend them first.")
