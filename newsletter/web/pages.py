"""Pages in Japanese and English from ``templates/web``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from newsletter.accounts.tokens import new_token
from newsletter.database.types import now
from newsletter.language import Language
from newsletter.web.access import Visit, access_of
from newsletter.web.navigation import entries_for, is_current

LANGUAGE_COOKIE, THEME_COOKIE = "language", "theme"
THEMES = ("system", "light", "dark")


class Pages:
    """Renders pages; each template holds both languages side by side."""

    def __init__(self, templates_dir: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(templates_dir / "web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["moment"] = _moment
        self._environment.filters["number"] = _number

    def show(
        self, name: str, *, language: Language, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Render a page."""
        page = self._environment.get_template(name).render(
            lang=language.value, ja=language is Language.JAPANESE, **values
        )
        return HTMLResponse(page, status_code=status)

    def show_to(
        self, visit: Visit, request: Request, name: str, *, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Render a page of somebody signed in; it extends ``_layout/shell.html``."""
        page = self.show(
            name,
            language=visit.language,
            status=status,
            visit=visit,
            csrf=visit.csrf,
            theme=theme_of(request),
            zone=visit.time_zone,
            entries=entries_for(visit),
            is_current=is_current,
            **values,
        )
        # Not no-referrer: with it browsers hide the origin of a form, which the guard asks for.
        page.headers["Referrer-Policy"] = "same-origin"
        return page

    def show_entry(
        self, request: Request, name: str, *, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Render a page with a form for somebody not signed in; it extends ``_layout/entry.html``.

        Its form token is tied to a cookie that this answer sets, when the browser has none.
        """
        access = access_of(request)
        holder = access.holder(request)
        fresh = "" if holder else new_token()
        page = self.show(
            name,
            language=self.language_of(request),
            status=status,
            csrf=access.sealer.form_token(holder or fresh),
            theme=theme_of(request),
            path=request.url.path,
            **values,
        )
        if fresh:
            page.set_cookie(
                access.form_cookie, fresh, httponly=True, secure=access.secure, samesite="lax"
            )
        page.headers["Referrer-Policy"] = "same-origin"
        return page

    @staticmethod
    def language_of(request: Request) -> Language:
        """Return the language chosen, or else the first of ours that the browser asks for."""
        if (chosen := request.cookies.get(LANGUAGE_COOKIE)) in set(Language):
            return Language(chosen)
        for part in request.headers.get("accept-language", "").lower().split(","):
            for language in Language:
                if part.strip().startswith(language.value):
                    return language
        return Language.JAPANESE


def theme_of(request: Request) -> str:
    """Return the appearance chosen; the system's when none was."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else THEMES[0]


@pass_context
def _moment(context: Context, value: datetime | None, *, seconds: bool = False) -> Markup:
    """Write an instant in the reader's zone, the day left out when it is today."""
    if value is None:
        return Markup("–")
    zone = ZoneInfo(str(context.get("zone", "UTC")))
    local, today = value.astimezone(zone), now().astimezone(zone)
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    if local.date() == today.date():
        shown = clock
    elif context["ja"]:
        year = f"{local.year}年" if local.year != today.year else ""
        shown = f"{year}{local.month}月{local.day}日 {clock}"
    else:
        year = f" {local.year}" if local.year != today.year else ""
        shown = f"{local.day} {local:%b}{year}, {clock}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        local.isoformat(timespec="seconds"), f"{local:%Y-%m-%d %H:%M:%S %Z}", shown
    )


def _number(value: float) -> str:
    """Write a number with its thousands apart; small fractions keep one digit."""
    if value < 10 and value != int(value):  # noqa: PLR2004
        return f"{value:.1f}"
    return f"{round(value):,}"
