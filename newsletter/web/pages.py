"""Rendering of pages in each language from ``templates/web``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from sqlalchemy import Engine

from newsletter.accounts.actors import colleagues_by_address, name_actor
from newsletter.accounts.audit_actions import ACTIONS, Action
from newsletter.accounts.permissions import Permission
from newsletter.accounts.sessions import name_browser
from newsletter.addresses import as_read
from newsletter.database.engine import reading
from newsletter.database.types import now
from newsletter.errors import NewsletterError
from newsletter.i18n import formats
from newsletter.i18n.catalogue import Words
from newsletter.i18n.language import (
    Language,
    language_name,
    nearest_language,
    time_zone_name,
)
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.i18n.values import Number, Worded
from newsletter.mailings.ledger.outcomes import worded_reply
from newsletter.newsletters.look.model import look_of
from newsletter.rendering.palette import light_scheme
from newsletter.settings import template_folders
from newsletter.tokens import new_token
from newsletter.web.access import Requires, Visit
from newsletter.web.audit_values import detail_words
from newsletter.web.audit_wording import (
    ACTION_NAMES,
    detail_name,
    object_of,
    recorded_words,
)
from newsletter.web.newsletters.look_files import look_picture_path, look_sheet_path
from newsletter.web.site import site_of
from subscribers.fields.reading import written_value
from subscribers.lists.records import in_sheet, line_named
from subscribers.lists.words.formats import FIELDS

LANGUAGE_COOKIE, THEME_COOKIE = "language", "theme"
THEMES = ("system", "light", "dark")
#: The largest number of a browser's languages that are considered.
_MOST_LANGUAGES = 20
#: JSON, texts of several lines, and links to addresses.
_GOES_BACK = re.compile(r"\A\{|\n|mailto:")


class Pages:
    """Renders pages in each language, from the same templates and the catalogue of the language."""

    DEFAULT_LANGUAGE = Language.JAPANESE

    def __init__(self, templates_dir: Path) -> None:
        self._folders = template_folders(templates_dir, "web")

    def show(
        self, name: str, *, language: Language, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Return a response with a page."""
        return HTMLResponse(self.render(name, language=language, **values), status_code=status)

    def render(self, name: str, *, language: Language, **values: object) -> str:
        """Return the HTML of a page."""
        return environment_of(self._folders, language).get_template(name).render(**values)

    @staticmethod
    def language_of(request: Request, fallback: Language = Language.JAPANESE) -> Language:
        """Return the language in ``?lang=``, or the one chosen before, or the browser's first."""
        if (named := named_language(request)) is not None:
            return named
        if (chosen := request.cookies.get(LANGUAGE_COOKIE, "")) in set(Language):
            return Language(chosen)
        asked_for = request.headers.get("accept-language", "").split(",", _MOST_LANGUAGES)
        for part in asked_for[:_MOST_LANGUAGES]:
            tag = part.partition(";")[0].strip()
            if (asked := nearest_language(tag, None)) is not None:
                return asked
        return fallback


def show_page(visit: Visit, name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page for a signed-in account; its template extends ``_layout/shell.html``."""
    page = visit.site.pages.show(
        name,
        language=visit.language,
        status=status,
        visit=visit,
        csrf=visit.csrf,
        theme=theme_of(visit.request),
        zone=visit.time_zone,
        opened_at=now(),
        entries=entries_for(visit),
        colleagues=cache(lambda: _colleagues(visit.engine)),
        is_current=is_current,
        # The prefix of the URLs of our own pictures.
        images=f"{visit.site.url}/images/",
        **values,
    )
    # With "no-referrer", browsers would omit the origin of forms, which the guard requires.
    page.headers["Referrer-Policy"] = "same-origin"
    return page


def show_entry(request: Request, name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page with a form for people without session, based on ``_layout/entry.html``.

    The form token is bound to a cookie, which this response sets if the browser has none.
    """
    site = site_of(request)
    holder = site.holder(request)
    fresh = "" if holder else new_token()
    page = site.pages.show(
        name,
        language=Pages.language_of(request),
        status=status,
        csrf=site.sealer.form_token(holder or fresh),
        theme=theme_of(request),
        path=request.url.path,
        **values,
    )
    if fresh:
        page.set_cookie(site.form_cookie, fresh, httponly=True, secure=site.secure, samesite="lax")
    page.headers["Referrer-Policy"] = "same-origin"
    return page


def named_language(request: Request) -> Language | None:
    """Return the language in the parameter ``?lang=``; None if there is none."""
    named = request.query_params.get("lang", "")
    return Language(named) if named in set(Language) else None


@lru_cache(maxsize=16)
def environment_of(folders: tuple[Path, ...], language: Language) -> Environment:
    """Return the environment of a language, whose templates are compiled once per process.

    The language is also available in templates that are imported without context. White space is
    kept, also next to blocks, so that the formatter of the templates need not distinguish it.
    International domains in addresses are shown in Unicode everywhere.
    """
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=partial(_shown, language),
    )
    if language is Language.JAPANESE:
        environment.concat = join_japanese  # type: ignore[method-assign]
    environment.filters.update(
        moment=_moment,
        planned=_planned,
        wall_time=lambda value: formats.format_wall_time(_moment_of(value), language),
        zone_name=partial(time_zone_name, speaker=language),
        typed_options=_typed_options,
        day=_day,
        number=partial(formats.format_number, language=language),
        percent=lambda value, digits=None: formats.format_percent(value, language, digits=digits),
        file_size=partial(formats.format_size, language=language),
        worded=partial(_worded, language),
        line_named=line_named,
        line_shown=lambda line: line_named(line) if in_sheet(line) else Number(line),
        reply=lambda kept: _worded(language, worded_reply(kept or "")),
        action_name=lambda action: ACTION_NAMES[ACTIONS[action]] if action in ACTIONS else action,
        browser=name_browser,
        audited_object=object_of,
        recorded_words=recorded_words,
        column_name=lambda name: FIELDS[name].in_language(language),
        person=_person,
        detail_name=detail_name,
        detail_words=detail_words,
        language_name=lambda tag: language_name(tag, language) or tag,
        look=look_of,
        scheme=light_scheme,
        look_sheet=partial(look_sheet_path, language=language),
        look_picture=look_picture_path,
    )
    environment.globals.update(
        Words(language).globals(),
        lang=language.value,
        Action=Action,
        Permission=Permission,
        languages=[(each.value, language_name(each.value, each)) for each in Language],
    )
    return environment


def _shown(language: Language, value: object) -> object:
    """Return an output of a template as it is shown.

    Messages and errors are worded in the language of the page, and the domains of addresses are in
    Unicode. Texts that a form sends back, such as the shown state and Markdown, are not changed.
    """
    if value is None:
        return ""
    if isinstance(value, Worded | NewsletterError):
        value = value.in_language(language)
    # Markup consists of values that were converted before.
    if type(value) is str and "xn--" in value and not _GOES_BACK.search(value):
        return as_read(value)
    return value


def _worded(language: Language, sentence: str | Worded | None) -> str:
    """Return a message in a language; plain text is returned unchanged."""
    return sentence.in_language(language) if isinstance(sentence, Worded) else sentence or ""


def _moment_of(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def theme_of(request: Request) -> str:
    """Return the chosen appearance, or else that of the system."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else THEMES[0]


def _colleagues(engine: Engine) -> Mapping[str, str]:
    with reading(engine) as session:
        return colleagues_by_address(session)


@pass_context
def _person(context: Context, recorded: str) -> str:
    """Return the actor's name, or the address if two accounts have the same name."""
    colleagues = context["colleagues"]() if "colleagues" in context else {}
    return _worded(Language(context["lang"]), name_actor(recorded, colleagues))


@pass_context
def _moment(
    context: Context, value: datetime | None, *, seconds: bool = False, full: bool = False
) -> Markup:
    """Return a moment in the reader's time zone; with ``seconds``, the day is omitted for today.

    Today and the current year are shown if the moment must be ``full``, such as in a record.
    """
    if value is None:
        return Markup("–")
    zone = _zone_of(context)
    local, today = value.astimezone(zone), now().astimezone(zone)
    language = Language(context["lang"])
    if seconds and not full and local.date() == today.date():
        shown = formats.format_clock(local, language, seconds=True)
    else:
        year = full or local.year != today.year
        shown = formats.format_moment(local, language, zone, year=year, seconds=seconds)
    return _time(local, shown)


@pass_context
def _planned(context: Context, value: datetime) -> Markup:
    """Return a future moment in the reader's time zone, with its weekday."""
    zone = _zone_of(context)
    shown = formats.format_planned(value, Language(context["lang"]), zone)
    return _time(value.astimezone(zone), shown)


def _time(local: datetime, shown: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        local.isoformat(timespec="seconds"), f"{local:%Y-%m-%d %H:%M:%S %Z}", shown
    )


def _typed_options(options: Iterable[str]) -> str:
    """Return tags or options as text for a form, which may contain commas."""
    return written_value([*options])


def _zone_of(context: Context) -> ZoneInfo | None:
    """Return the time zone of a page or of its newsletter; None for that of this machine."""
    if "zone" in context:
        return ZoneInfo(str(context["zone"])) if context["zone"] else None
    newsletter = context.get("newsletter")
    return ZoneInfo(newsletter.time_zone if newsletter else "UTC")


@pass_context
def _day(context: Context, value: date | str) -> Markup:
    """Return a day in full; a moment (also in ISO 8601) is converted to the reader's time zone."""
    moment = _moment_of(value) if isinstance(value, str) else value
    day = moment.astimezone(_zone_of(context)) if isinstance(moment, datetime) else moment
    shown = formats.format_day(day, Language(context["lang"]))
    return Markup('<time datetime="{}">{}</time>').format(f"{day:%Y-%m-%d}", shown)


#: Pages of a newsletter that do not belong to the menu entry of its issues.
_ELSEWHERE = re.compile(
    r"/newsletters/[^/]+(/mailings|/series|/digests|/subscribers|/segments)(?:[/.]|$)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MenuEntry:
    """An entry of the menu with the guard of its page."""

    path: str
    name: Message
    guard: Requires


_OVERALL = Requires(Permission.ADMINISTER, everywhere=True)
ENTRIES = (
    MenuEntry(path="/home", name=msg("Home"), guard=Requires()),
    MenuEntry(path="/newsletters", name=pmsg("menu", "Issues"), guard=Requires(Permission.WRITE)),
    MenuEntry(path="/mailings", name=msg("Mailings"), guard=Requires(Permission.SEE_MAILINGS)),
    MenuEntry(
        path="/subscribers", name=msg("Subscribers"), guard=Requires(Permission.SEE_SUBSCRIBERS)
    ),
    MenuEntry(
        path="/bounces", name=pmsg("menu", "Bounces"), guard=Requires(Permission.SEE_BOUNCES)
    ),
    MenuEntry(path="/operate", name=msg("Operations"), guard=Requires(Permission.OPERATE)),
    MenuEntry(
        path="/accounts",
        name=pmsg("accounts", "People"),
        guard=_OVERALL,
    ),
    MenuEntry(path="/audit", name=msg("Audit log"), guard=_OVERALL),
)


def entries_for(visit: Visit) -> list[MenuEntry]:
    """Return the menu entries that a visit may open."""
    return [entry for entry in ENTRIES if entry.guard.allows(visit.rights)]


def is_current(entry: MenuEntry, path: str) -> bool:
    """Return whether a path belongs to an entry; all pages of a newsletter have one prefix."""
    match = _ELSEWHERE.match(path)
    place = match[1] if match else path
    place = {"/segments": "/subscribers", "/series": "/mailings", "/digests": "/mailings"}.get(
        place, place
    )
    return place == entry.path or place.startswith(f"{entry.path}/")


#: Full-width punctuation at the end of sentences and introductions.
_ENDS = ("。", "！", "？", "：")
#: Elements that continue a sentence; before links and small print, a space is kept.
_GOES_ON = ("<strong", "<b>", "<em")


def join_japanese(pieces: Iterable[str]) -> str:
    """Return the joined output of a Japanese page's template, without spaces between sentences.

    In templates, each sentence is on its own line, and browsers show a line end as a space. Only
    white space between two outputs of the template is removed. Therefore texts of people are not
    changed, and a line end that is an output by itself is kept.
    """
    joined: list[str] = []
    blanks: list[str] = []
    ended = False
    for piece in filter(None, pieces):
        if ended and piece.isspace() and not piece.endswith("\n"):
            blanks.append(piece)
            continue
        said = piece
        if ended and piece.lstrip().startswith(_GOES_ON):
            said, blanks = piece.lstrip(), []
        elif ended and not piece.startswith(("<", " ", "\n")):
            blanks = []
        joined += [*blanks, said]
        blanks = []
        ended = piece.endswith(_ENDS)
    return "".join([*joined, *blanks])
