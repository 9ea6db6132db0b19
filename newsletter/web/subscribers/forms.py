"""Pages of a newsletter's forms: list with counts, creation, changes, preview, embedding."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import segno
from fastapi import Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.edit_conflicts import EditConflictError, merge_changes, shown_of
from newsletter.errors import ConflictError, ListError, NewsletterError
from newsletter.i18n.language import Language
from newsletter.issues.checks.links import find_url_fault
from newsletter.newsletters.publications import join_address
from newsletter.web.access import (
    SubscribersVisit,
    Visit,
    doing,
    newsletter_of,
)
from newsletter.web.edit_conflicts import worded_clash
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from newsletter.web.site import Site
from newsletter.web.subscribers.join_pages import ShownForm
from subscribers.fields.reading import split_options
from subscribers.fields.store import list_fields
from subscribers.forms.actions import (
    add_form,
    ask_in_forms,
    change_form,
    delete_form,
    set_sites,
)
from subscribers.forms.model import JoinForm, Sites
from subscribers.forms.store import OWN, conversions, list_forms, list_sites

_Text = Annotated[str, Field(max_length=4_000)]


class _Typed(BaseModel):
    """The submitted definition of a form, whose errors are shown next to its fields."""

    slug: _Text = ""
    title: _Text = ""
    introduction: _Text = ""
    button: _Text = ""
    language: _Text = ""
    asks_name: bool = False
    asks_frequency: bool = False
    fields: list[_Text] = Field(default=[], max_length=200)
    tags: _Text = ""
    success_url: _Text = ""
    shown: Annotated[str, Field(max_length=50_000)] = ""

    def form(self, slug: str = "") -> JoinForm:
        """Return the form as a value."""
        return JoinForm(
            slug=slug or self.slug.strip(),
            title=self.title.strip(),
            introduction=self.introduction.replace("\r\n", "\n").strip(),
            button=self.button.strip(),
            language=Language(self.language) if self.language in set(Language) else None,
            asks_name=self.asks_name,
            asks_frequency=self.asks_frequency,
            fields=tuple(self.fields),
            tags=tuple(split_options(self.tags)),
            success_url=self.success_url.strip(),
        )


_TypedForm = Annotated[_Typed, Form()]


router = Router(prefix="/newsletters/{newsletter}/subscribers/forms")


@router.get("")
def show_all(visit: SubscribersVisit) -> HTMLResponse:
    """Show the forms and websites of a newsletter."""
    return _show_all(visit)


@router.post("")
def add(newsletter: str, visit: SubscribersVisit, typed: _TypedForm) -> Response:
    """Add a form."""
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            form = add_form(session, visit.actor, row.id, typed.form())
    except (ListError, ConflictError) as error:
        return _show_all(visit, wanted=typed.form(), error=error)
    return _lead(newsletter, f"/{form.slug}?done=added")


@router.post("/sites")
def change_sites(
    newsletter: str,
    visit: Annotated[Visit, doing(Action.FORM_SITES)],
    sites: Annotated[str, Form(max_length=20_000)] = "",
    shown: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    """Set the websites that may embed forms."""
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            set_sites(session, visit.actor, row.id, sites.split("\n"), shown=shown)
    except (ListError, ConflictError) as error:
        return _show_all(visit, sites=sites, begun=shown, error=error)
    return _lead(newsletter, "?done=sites")


@router.get("/sheet")
def show_sheet(
    visit: SubscribersVisit,
    form: Annotated[str, Query(max_length=40)] = "",
    lang: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    """Show a sheet to print."""
    language = Language(lang) if lang in set(Language) else visit.language
    return _show_sheet(visit, form, language, by_mail=visit.site.settings.join_by_mail)


@router.get("/{name}")
def show_one(name: str, visit: SubscribersVisit) -> HTMLResponse:
    """Show a form."""
    return _show_one(visit, name)


@router.post("/{name}")
def change(newsletter: str, name: str, visit: SubscribersVisit, typed: _TypedForm) -> Response:
    """Change a form."""
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            change_form(session, visit.actor, row.id, typed.form(name), shown=typed.shown)
    except (ListError, ConflictError) as error:
        return _show_one(visit, name, typed=typed, error=error)
    return _lead(newsletter, f"/{quote(name)}?done=saved")


@router.post("/{name}/ask")
def ask(
    newsletter: str,
    name: str,
    visit: SubscribersVisit,
    key: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Let a form ask for a field."""
    with transaction(visit.engine) as session:
        row = newsletter_of(session, visit)
        ask_in_forms(session, visit.actor, row.id, key, [name])
    return _lead(newsletter, f"/{quote(name)}?done=saved")


@router.post("/{name}/delete")
def delete(newsletter: str, name: str, visit: SubscribersVisit) -> Response:
    """Delete a form."""
    with transaction(visit.engine) as session:
        row = newsletter_of(session, visit)
        delete_form(session, visit.actor, row.id, name)
    return _lead(newsletter, "?done=deleted")


def _show_all(
    visit: Visit,
    *,
    wanted: JoinForm | None = None,
    sites: str | None = None,
    begun: str = "",
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Return the list, with an error in a new form or in the websites."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        forms = list_forms(session, row.id)
        figures = conversions(session, row.id)
        known, listed = list_fields(session, row.id), list_sites(session, row.id)
    return show_page(
        visit,
        "subscribers/forms.html",
        status=400 if error else 200,
        newsletter=row,
        own=figures[OWN],
        forms=[(form, figures[form.id or OWN]) for form in forms],
        wanted=wanted or JoinForm(),
        typed_sites=sites,
        begun=begun or shown_of(Sites(origins=tuple(listed))),
        faults={error.field or "form": error} if error else {},
        public_url=visit.site.url,
        saved=visit.request.query_params.get("done", ""),
        known=known,
        sites=listed,
    )


def _show_one(
    visit: Visit,
    name: str,
    *,
    typed: _Typed | None = None,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Return the page of a form, with an input and its error."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        known = list_fields(session, row.id)
        figures = conversions(session, row.id)
    shown = visit.site.joining.find(row.slug, name)
    wanted, begun = shown.form, shown_of(shown.form)
    if isinstance(error, EditConflictError) and typed is not None:
        wanted = merge_changes(typed.shown, typed.form(name), shown.form).value
        error = worded_clash(error)
    elif typed is not None:
        wanted, begun = typed.form(name), typed.shown
    return show_page(
        visit,
        "subscribers/form.html",
        status=400 if error else 200,
        newsletter=row,
        form=shown.form,
        wanted=wanted,
        begun=begun,
        known=known,
        sites=shown.sites,
        figures=figures[shown.form.id or OWN],
        faults={error.field or "form": error} if error else {},
        public_url=visit.site.url,
        here=f"{visit.site.url}{shown.path}",
        unasked=[
            field for field in known if field.ask_on_joining and field.key not in shown.form.fields
        ],
        snippets=_snippets(visit.site, shown, visit.language),
        saved=visit.request.query_params.get("done", ""),
    )


def _show_sheet(visit: Visit, name: str, language: Language, *, by_mail: bool) -> HTMLResponse:
    """Return a printable sheet with the QR codes of a form and of a mail."""
    with reading(visit.engine) as session:
        slug = newsletter_of(session, visit).slug
    shown = visit.site.joining.find(slug, name)
    url, address = f"{visit.site.url}{shown.path}", join_address(shown.newsletter)
    return visit.site.pages.show(
        "subscribers/sheet.html",
        language=language,
        newsletter=shown.newsletter,
        form=shown.form,
        url=url,
        fault=find_url_fault(url),
        url_code=_code(url),
        address=address if by_mail else "",
        address_code=_code(f"mailto:{quote(address, safe='@')}") if by_mail else "",
    )


def _snippets(site: Site, shown: ShownForm, language: Language) -> dict[str, str]:
    """Return the code to paste into other websites, in three variants."""
    form_language = shown.form.language or shown.newsletter.language
    values = {
        "url": f"{site.url}{shown.path}",
        "script": f"{site.url}/static/join.js",
        "form": f"{shown.newsletter.slug}/{shown.form.slug}",
        "title": shown.form.title or shown.newsletter.name,
    }
    frame, script = (
        site.pages.render(f"subscribers/form_{way}.html", language=language, **values).strip()
        for way in ("frame", "script")
    )
    return {
        "html": site.joining.markup(shown, form_language),
        "frame": frame,
        "script": script,
    }


def _code(text: str) -> str:
    """Return a QR code as an inline image."""
    return segno.make(text, error="m", micro=False).svg_data_uri(border=2, scale=8)


def _lead(newsletter: str, rest: str) -> RedirectResponse:
    return RedirectResponse(f"/newsletters/{newsletter}/subscribers/forms{rest}", status_code=303)
