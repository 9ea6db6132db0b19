"""Language and appearance, which anybody may choose, signed in or not."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import Engine

from newsletter.accounts.sessions import choose_language
from newsletter.database.engine import transaction
from newsletter.i18n.language import Language
from newsletter.web.access import OwnForm, access_of
from newsletter.web.accounts.entry import EntryField, lead_to, local_path
from newsletter.web.pages import LANGUAGE_COOKIE, THEME_COOKIE, THEMES
from newsletter.web.routing import Router

_YEAR_SECONDS = 365 * 86_400


def display_router(engine: Engine) -> Router:
    """Return the route by which language and appearance are chosen."""
    router = Router()

    @router.post("/display")
    def choose_display(
        request: Request,
        _form: OwnForm,
        back: EntryField = "/home",
        language: EntryField = "",
        theme: EntryField = "",
    ) -> Response:
        access = access_of(request)
        answer = lead_to(local_path(back))
        if language in set(Language):
            with transaction(engine) as session:
                choose_language(session, access.session_token(request), Language(language))
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_SECONDS, samesite="lax")
        if theme in THEMES:
            answer.set_cookie(THEME_COOKIE, theme, max_age=_YEAR_SECONDS, samesite="lax")
        return answer

    return router
