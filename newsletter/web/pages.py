"""Pages in every language from ``templates/web``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
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
from newsletter.newsletters.publications import Newsletter
from newsletter.rendering.palette import light_scheme
from newsletter.settings import template_folders
from newsletter.tokens import new_token
from newsletter.web.access import Requires, Visit, access_of
from newsletter.web.audit_values import detail_words
from newsletter.web.audit_wording import (
    ACTION_NAMES,
    detail_name,
    object_of,
    recorded_words,
)
from newsletter.web.newsletters.look_files import look_picture_path, look_sheet_path
from subscribers.fields.reading import written_value
from subscribers.lists.line_numbers import in_sheet, line_named

LANGUAGE_COOKIE, THEME_COOKIE = "language", "theme"
THEMES = ("system", "light", "dark")
#: Languages of a browser that are looked at; people name a few.
_MOST_LANGUAGES = 20
#: JSON, lines of a text and links in it.
_GOES_BACK = re.compile(r"\A\{|\n|mailto:")


class Pages:
    """Renders pages, in each language from the same templates with the words of its catalogue."""

    DEFAULT_LANGUAGE = Language.JAPANESE

    def __init__(self, templates_dir: Path) -> None:
        self._folders = template_folders(templates_dir, "web")

    def show(
        self, name: str, *, language: Language, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Render a page."""
        return HTMLResponse(self.render(name, language=language, **values), status_code=status)

    def render(self, name: str, *, language: Language, **values: object) -> str:
        """Render a page's text."""
        return environment_of(self._folders, language).get_template(name).render(**values)

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
            opened_at=now(),
            entries=entries_for(visit),
            colleagues=cache(lambda: _colleagues(access_of(request).engine)),
            is_current=is_current,
            # What the addresses of our own pictures begin with.
            images=f"{access_of(request).public_url.rstrip('/')}/images/",
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
    def language_of(request: Request, fallback: Language = Language.JAPANESE) -> Language:
        """Return what ``?lang=`` names, or was chosen before, or the browser asks for first."""
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


def named_language(request: Request) -> Language | None:
    """Return the language that a page's address names with ``?lang=``; None for none."""
    named = request.query_params.get("lang", "")
    return Language(named) if named in set(Language) else None


@lru_cache(maxsize=16)
def environment_of(folders: tuple[Path, ...], language: Language) -> Environment:
    """Return the environment of a language, whose templates are compiled once a process.

    Templates that are imported without context know the language, too. White space stays as it is
    written, also beside blocks: so the templates' formatter may treat all of it alike. Addresses
    are shown as people read them, wherever they stand.
    """
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_as_read,
    )
    if language is Language.JAPANESE:
        environment.concat = join_japanese  # type: ignore[method-assign]
    environment.filters.update(
        moment=_moment,
        planned=_planned,
        wall_time=_wall_time,
        zone_name=_zone_name,
        typed_options=_typed_options,
        day=_day,
        number=_number,
        percent=_percent,
        file_size=_file_size,
        worded=_worded,
        line_named=_line_named,
        line_shown=_line_shown,
        reply=_reply,
        action_name=_action_name,
        browser=name_browser,
        audited_object=object_of,
        recorded_words=recorded_words,
        person=_person,
        detail_name=detail_name,
        detail_words=detail_words,
        language_name=_language_name,
        look=look_of,
        scheme=light_scheme,
        look_sheet=_look_sheet,
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


def _as_read(value: object) -> object:
    """Write the addresses in a text as people read them.

    What a form says it showed, and what is written in Markdown, goes back as it came.
    """
    # Markup was made of values that came here already.
    if type(value) is str and "xn--" in value and not _GOES_BACK.search(value):
        return as_read(value)
    return value


def theme_of(request: Request) -> str:
    """Return the appearance chosen; the system's when none was."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else THEMES[0]


@pass_context
def _worded(context: Context, sentence: str | Worded | None) -> str:
    """Write a message in the reader's language; plain text is somebody's own words."""
    if isinstance(sentence, Worded):
        return sentence.in_language(Language(context["lang"]))
    return sentence or ""


@pass_context
def _line_named(context: Context, line: int) -> str:
    """Return where a row of a list stands, within a sentence."""
    return line_named(line).in_language(Language(context["lang"]))


@pass_context
def _line_shown(context: Context, line: int) -> str:
    """Return where a row of a list stands in a column of lines."""
    shown = line_named(line) if in_sheet(line) else Number(line)
    return shown.in_language(Language(context["lang"]))


@pass_context
def _reply(context: Context, kept: str | None) -> str:
    """Return what is shown of a delivery's reply; see `newsletter.mailings.ledger.outcomes`."""
    return _worded(context, worded_reply(kept or ""))


def _colleagues(engine: Engine) -> Mapping[str, str]:
    with reading(engine) as session:
        return colleagues_by_address(session)


@pass_context
def _person(context: Context, recorded: str) -> str:
    """Write who did something: a colleague by name, by address where two have that name."""
    colleagues = context["colleagues"]() if "colleagues" in context else {}
    return _worded(context, name_actor(recorded, colleagues))


@pass_context
def _action_name(context: Context, action: str) -> str:
    """Write what an action of the audit log is called; its code where it has no name."""
    known = ACTIONS.get(action)
    return ACTION_NAMES[known].in_language(Language(context["lang"])) if known else action


@pass_context
def _moment(
    context: Context, value: datetime | None, *, seconds: bool = False, full: bool = False
) -> Markup:
    """Write an instant in the reader's zone; with seconds, the day is left out when it is today.

    The year is left out when it is this one, unless it is to be ``full``, as on paper.
    """
    if value is None:
        return Markup("–")
    zone = _zone_of(context)
    local, today = value.astimezone(zone), now().astimezone(zone)
    language = Language(context["lang"])
    if seconds and local.date() == today.date():
        shown = formats.format_clock(local, language, seconds=True)
    else:
        year = full or local.year != today.year
        shown = formats.format_moment(local, language, zone, year=year, seconds=seconds)
    return _time(local, shown)


@pass_context
def _planned(context: Context, value: datetime) -> Markup:
    """Write an instant to come in the reader's zone, with its day of the week."""
    zone = _zone_of(context)
    shown = formats.format_planned(value, Language(context["lang"]), zone)
    return _time(value.astimezone(zone), shown)


def _time(local: datetime, shown: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        local.isoformat(timespec="seconds"), f"{local:%Y-%m-%d %H:%M:%S %Z}", shown
    )


@pass_context
def _wall_time(context: Context, value: datetime | str) -> str:
    """Write an hour that is meant by each reader's own clock, or named with its zone."""
    local = datetime.fromisoformat(value) if isinstance(value, str) else value
    return formats.format_wall_time(local, Language(context["lang"]))


def _typed_options(options: Iterable[str]) -> str:
    """Write tags or options as a form takes them back, whatever commas they have."""
    return written_value([*options])


@pass_context
def _zone_name(context: Context, zone: str) -> str:
    """Write what a time zone is called; its IANA name where it has no other."""
    return time_zone_name(zone, Language(context["lang"]))


def _zone_of(context: Context) -> ZoneInfo | None:
    """Return the zone a page names, or its newsletter's; None is this machine's own."""
    if "zone" in context:
        return ZoneInfo(str(context["zone"])) if context["zone"] else None
    newsletter = context.get("newsletter")
    return ZoneInfo(newsletter.time_zone if newsletter else "UTC")


@pass_context
def _day(context: Context, value: date | str) -> Markup:
    """Write a day in full; an instant (also in ISO 8601) falls on a day of the reader's zone."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    day = moment.astimezone(_zone_of(context)) if isinstance(moment, datetime) else moment
    shown = formats.format_day(day, Language(context["lang"]))
    return Markup('<time datetime="{}">{}</time>').format(f"{day:%Y-%m-%d}", shown)


@pass_context
def _language_name(context: Context, tag: str) -> str:
    """Write a language's name in the page's; its tag where it has none there."""
    return language_name(tag, Language(context["lang"])) or tag


@pass_context
def _look_sheet(context: Context, newsletter: Newsletter) -> str:
    """Write where the style sheet of a newsletter's look is, for the page's language."""
    return look_sheet_path(newsletter, Language(context["lang"]))


@pass_context
def _file_size(context: Context, octets: int) -> str:
    """Write a size of data in the unit that fits."""
    return formats.format_size(octets, Language(context["lang"]))


@pass_context
def _number(context: Context, value: float) -> str:
    """Write a number with its thousands apart; small fractions keep one digit."""
    return formats.format_number(value, Language(context["lang"]))


@pass_context
def _percent(context: Context, value: float, digits: int | None = None) -> str:
    """Write a share in percent, with so many digits after the point."""
    return formats.format_percent(value, Language(context["lang"]), digits=digits)


#: What of a newsletter's pages lies elsewhere than with its issues.
_ELSEWHERE = re.compile(
    r"/newsletters/[^/]+(/mailings|/series|/digests|/subscribers|/segments)(?:[/.]|$)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MenuEntry:
    """A place to go to, with the guard of its page."""

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
    """Return what a visit's roles let it open."""
    return [entry for entry in ENTRIES if entry.guard.allows(visit.rights)]


def is_current(entry: MenuEntry, path: str) -> bool:
    """Return whether a path lies within an entry; all of a newsletter's pages begin alike."""
    match = _ELSEWHERE.match(path)
    place = match[1] if match else path
    place = {"/segments": "/subscribers", "/series": "/mailings", "/digests": "/mailings"}.get(
        place, place
    )
    return place == entry.path or place.startswith(f"{entry.path}/")


#: What a sentence or its lead-in ends with, as wide as the letters around it.
_ENDS = ("。", "！", "？", "：")
#: Elements that go on with the sentence before; links and small print keep their distance.
_GOES_ON = ("<strong", "<b>", "<em")


def join_japanese(pieces: Iterable[str]) -> str:
    """Join what a Japanese page's template yields, without blanks between its sentences.

    In a template each sentence has a line of its own; the browser would show the end of that line
    as a space. What somebody wrote is left as it is, as only what stands between two values or
    words of ours is taken out, and a bare end of a line, which is meant as one, stays.
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
