"""Every button and link of every page, as each role sees them, and what pressing them says then.

A page shows a button by the same table by which its action refuses. So whoever sees one may press
it, and whoever is not shown one that an administrator sees would be refused.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import lxml.html
import pytest

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.roles import Grant
from newsletter.accounts.sessions import open_session
from newsletter.accounts.sign_in_limits import Browser
from newsletter.database.engine import open_engine, transaction
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import number_of
from tests.web.showroom import PASSWORD, Showroom, showroom
from tests.web.table import SIGNED_IN_PAGES

#: What stands in every page's head, and is everybody's.
_OF_EVERYBODY = ("/sign-out", "/display", "/account")
_FORBIDDEN = 403


@dataclass(frozen=True, kw_only=True)
class _Button:
    """What pressing a button posts, and where; of those that name one row of many, one is meant.

    Attributes:
        verb: Its name, and what it says before a colon.
        value: All that it says.
    """

    path: str
    verb: tuple[str, str]
    value: str = field(compare=False)
    form: lxml.html.FormElement = field(compare=False, repr=False)

    def post(self, client: httpx.Client, csrf: str) -> int:
        """Press it, with the form as it is shown and words where some are asked for."""
        data: dict[str, list[str]] = {}
        files = {}
        for name, value in self.form.form_values():
            data.setdefault(name, []).append(value)
        for put in self.form.inputs:
            if put.get("type") == "file":
                files[put.name] = ("a.pdf", b"%PDF-1.7\n%%EOF\n")
            elif put.get("type") == "checkbox" and "required" in put.attrib:
                data[put.name] = [put.get("value") or "on"]
            elif put.name and put.tag != "select" and data.get(put.name) == [""]:
                data[put.name] = ["because"]
        data["csrf"] = [csrf]
        if self.verb[0]:
            data[self.verb[0]] = [self.value]
        return client.post(self.path, data=data, files=files or None).status_code


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a page answers, and shows to somebody."""

    code: int
    buttons: frozenset[_Button] = frozenset()
    links: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class _Site:
    """A furnished site, a way to put its database back as it was, and what was seen of it so."""

    room: Showroom
    restore: Callable[[], None]
    clients: dict[str, httpx.Client]
    _seen: dict[tuple[str, str], _Seen] = field(default_factory=dict)
    _codes: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        places = self.room.places[Language.ENGLISH]
        return [path.format(**places) for paths in SIGNED_IN_PAGES.values() for path in paths]

    def look(self, who: str, path: str) -> _Seen:
        """Return what a page shows to somebody, asked for once."""
        if (who, path) not in self._seen:
            self._seen[who, path] = _look(self.clients[who], path)
        return self._seen[who, path]

    def code(self, who: str, path: str) -> int:
        """Return what a link answers to somebody, whatever it leads to."""
        if (who, path) in self._seen:
            return self._seen[who, path].code
        if (who, path) not in self._codes:
            with self.clients[who].stream("GET", path) as answer:
                self._codes[who, path] = answer.status_code
        return self._codes[who, path]


@pytest.fixture(scope="module")
def site(
    _servers: None, _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Site]:
    folder = tmp_path_factory.mktemp("buttons")
    path, kept = folder / "newsletter.sqlite3", folder / "kept.sqlite3"
    path.write_bytes(_sqlite_template.read_bytes())
    engine = open_engine(f"sqlite:///{path}")
    clients: dict[str, httpx.Client] = {}
    with showroom(engine, folder) as room:
        with transaction(engine) as session:
            number = number_of(session, "digest")
            for name, where in [("all", None), *((role.value, number) for role in Role)]:
                role = Role.ADMINISTRATOR if name == "all" else Role(name)
                grants = [Grant(role=role, newsletter_id=where)]
                address = f"{name}@example.jp"
                token = invite(session, COMMAND_LINE, address=address, grants=grants)
                account = accept(session, COMMAND_LINE, token, name=name, password=PASSWORD)
                signed_in = open_session(session, account, Browser(), verified=True)
                client = clients[name] = httpx.Client(base_url=room.url, timeout=60)
                client.cookies.set("session", signed_in)
        with closing(sqlite3.connect(path)) as here, closing(sqlite3.connect(kept)) as there:
            here.backup(there)

        def restore() -> None:
            with closing(sqlite3.connect(kept)) as there, closing(sqlite3.connect(path)) as here:
                there.backup(here)

        yield _Site(room=room, restore=restore, clients=clients)
    for client in clients.values():
        client.close()
    engine.dispose()


def _look(client: httpx.Client, path: str) -> _Seen:
    """Return what a page shows: nothing to whom it is refused or led away from."""
    answer = client.get(path)
    if answer.status_code != httpx.codes.OK:
        return _Seen(code=answer.status_code)
    page = lxml.html.fromstring(answer.text)
    buttons = set()
    for form in page.forms:
        posts = form.method == "POST"
        for press in [*form.iter("button"), *page.xpath(f'//button[@form="{form.get("id")}"]')]:
            if press.get("type", "submit") != "submit":
                continue
            if not posts and press.get("formmethod", "").upper() != "POST":
                continue
            to = urlsplit(urljoin(path, press.get("formaction") or form.get("action") or ""))
            value = press.get("value") or ""
            verb = (press.get("name") or "", value.partition(":")[0])
            if not to.path.startswith(_OF_EVERYBODY):
                buttons.add(_Button(path=to.path, verb=verb, value=value, form=form))
    links = {
        urlsplit(urljoin(path, link.get("href"))).path
        for link in page.xpath("//a[@href]")
        if not urlsplit(link.get("href")).netloc and not urlsplit(link.get("href")).scheme
    }
    return _Seen(code=answer.status_code, buttons=frozenset(buttons), links=frozenset(links))


@pytest.fixture(scope="module")
def everything(site: _Site) -> dict[str, _Seen]:
    """What each page shows to an administrator of all."""
    looks = {path: site.look("all", path) for path in site.paths}
    return {path: seen for path, seen in looks.items() if seen.code == httpx.codes.OK}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_sees_the_buttons_that_it_may_press_and_no_other(
    site: _Site, everything: dict[str, _Seen], role: Role
) -> None:
    client = site.clients[role.value]
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/account").text)
    assert token is not None
    csrf = token[1]

    @cache
    def press(button: _Button) -> int:
        code = button.post(client, csrf)
        if code != _FORBIDDEN:
            site.restore()
        return code

    wrong = {}
    for path, all_of_it in everything.items():
        seen = site.look(role.value, path)
        if seen.code != httpx.codes.OK:
            continue
        for button in seen.buttons | all_of_it.buttons:
            shown = button in seen.buttons
            code = press(button)
            if (code != _FORBIDDEN) is not shown:
                wrong[path, button.path, button.verb] = (shown, code)
    assert wrong == {}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_sees_no_link_to_what_it_may_not_open(
    site: _Site, everything: dict[str, _Seen], role: Role
) -> None:
    dead = {}
    # All pages are looked at first: most links lead to one of them.
    looks = {path: site.look(role.value, path) for path in everything}
    for path, seen in looks.items():
        found = {link for link in seen.links if site.code(role.value, link) in {403, 404}}
        if found:
            dead[path] = found
    assert dead == {}
