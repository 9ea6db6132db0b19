"""Every route of the console, tried by everybody whom it is not for.

Two newsletters stand in one house. Whoever holds every role in one neither sees nor changes what is
the other's: not under the other's name, nor by its numbers under their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import httpx
import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.permissions import PERMISSIONS
from newsletter.accounts.roles import Grant
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import Base, BounceRow, IncidentRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import BounceKind, BounceSource, IncidentKind, Role
from newsletter.i18n.language import Language
from newsletter.issues.drafts.saving import create_draft
from newsletter.issues.library.stored_files import read_upload
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import save_issue
from newsletter.mailings.mailings import create_mailing
from newsletter.mailings.series.actions import SeriesPlan, add_series, add_step
from newsletter.mailings.series.due import Timing
from newsletter.newsletters.issue_actions import add_file, keep_pattern
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from newsletter.newsletters.snippets import save_snippet
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from newsletter.web.access import Requires
from newsletter.web.routing import GuardedRoute, flatten
from subscribers.forms.actions import add_form
from subscribers.forms.model import JoinForm
from subscribers.invitations import make_invitation
from subscribers.lists.imports.imports import import_csv
from subscribers.lists.imports.uploads import keep_upload
from subscribers.notes import add_note
from tests.support.rendering import render_stored
from tests.support.stage import set_subscribers
from tests.web.conftest import PASSWORD, csrf_of
from tests.web.hardening.conftest import House
from tests.web.hardening.test_bodies import all_routes

Visitor = Callable[..., httpx.Client]

#: What every visit changes, whoever it is.
_OF_VISITS = frozenset({"account", "account_session", "sign_in_limit"})
#: An order that is given to a thing, where a path ends with one; the most particular word first.
_VERBS = {"comments": "resolve", "mailings": "cancel", "subscribers": "unsubscribe"}
_FORM = {"reason": "because", "resolution": "outage", "revision": "1", "at": "1", "item": "1"}
_FILE = {"file": ("a.pdf", b"%PDF-1.7\n%%EOF\n")}
#: Under one's own newsletter these are about nothing of a draft, or change nothing of a stranger.
_OF_NO_THING = ("/subscribers/{number}/{verb}",)
_REFUSED = frozenset({403, 404})


@dataclass(frozen=True, kw_only=True)
class Victim:
    """Another newsletter, with one thing of each kind, by the word before it in a path."""

    id: int
    things: dict[str, str]

    def path(self, route: GuardedRoute, newsletter: str) -> str:
        """Return a route's path to what is the victim's, under a newsletter's name."""
        path = route.path.replace("{newsletter}", newsletter)
        for word, thing in self.things.items():
            path = re.sub(rf"(?<=/{word}/)\{{\w+\}}", thing, path, count=1)
        path = path.replace("{draft_number}", self.things["drafts"])
        verb = next((verb for word, verb in _VERBS.items() if f"/{word}/" in path), "")
        return re.sub(r"\{\w+\}", "1", path.replace("{verb}", verb))


@pytest.fixture(scope="module")
def victim(house: House) -> Victim:
    engine = house.engine
    read = read_issue(sample_issue(Language.ENGLISH), source="issue")
    with transaction(engine) as session:
        newsletter = create_newsletter(
            session,
            NewsletterDraft(
                slug="beta", name="B", from_address="b@example.jp", postal_address="Tokyo"
            ),
        )
        number = newsletter.id
    lines = ["email\n", *(f"beta{each}@example.jp\n" for each in range(3))]
    import_csv(engine, number, lines, source="test", basis="test")
    upload = keep_upload(engine, [b"email\nx@example.jp\n"], name="l.csv", newsletter_id=number)
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, number)
        issue = save_issue(session, number, read)
        folder = Settings(_env_file=None).templates_dir
        rendered = render_stored(issue, newsletter, templates_dir=folder)
        add_file(session, COMMAND_LINE, number, read_upload(b"%PDF-1.7\n%%EOF\n", name="a.pdf"))
        made = {
            "issues": issue.id,
            "mailings": create_mailing(session, newsletter, issue, rendered, batch_size=25),
            "snippets": save_snippet(session, COMMAND_LINE, number, name="s", text="words").id,
            "patterns": keep_pattern(session, COMMAND_LINE, number, "p", read.issue).id,
            "drafts": create_draft(session, number, read.issue, author="b").id,
            "invitations": make_invitation(session, COMMAND_LINE, newsletter, uses=1, days=1)[0].id,
            "forms": add_form(session, COMMAND_LINE, number, JoinForm(slug="theirs")).slug,
        }
        series = add_series(session, COMMAND_LINE, newsletter, SeriesPlan(name="theirs"))
        step = add_step(
            session,
            COMMAND_LINE,
            newsletter,
            series.id,
            Timing(),
            title="welcome",
            revision=series.revision,
        )
        made |= {"series": series.id, "steps": step.id}
        table = Base.metadata.tables["subscription"]
        query = select(table.c.subscriber_id).where(table.c.newsletter_id == number)
        person = made["subscribers"] = session.scalars(query.limit(1)).one()
        made["notes"] = add_note(session, COMMAND_LINE, number, person, "n")
        bounce = BounceRow(
            event_id="b",
            source=BounceSource.SMTP,
            kind=BounceKind.HARD,
            address="beta0@example.jp",
            domain="example.jp",
            newsletter_id=number,
        )
        incident = IncidentRow(
            kind=IncidentKind.MAILING,
            subject=f"mailing:{made['mailings']}",
            bounced=1,
            mailed=1,
            usual_rate=0,
            last_seen_at=now(),
        )
        session.add_all([bounce, incident])
        session.flush()
        made |= {"requests": bounce.id, "bounces": bounce.id, "incidents": incident.id}
        table = Base.metadata.tables["library_item"]
        query = select(table.c.id).where(table.c.newsletter_id == number)
        made["library"] = session.scalars(query.limit(1)).one()
    things = {"import": upload.token} | {word: str(thing) for word, thing in made.items()}
    return Victim(id=number, things=things)


@pytest.fixture(scope="module")
def visitor(house: House) -> Iterator[Visitor]:
    """Sign in somebody who has roles in one newsletter, or no role at all."""
    clients: list[httpx.Client] = []

    def signed_in(name: str, *grants: Grant) -> httpx.Client:
        with transaction(house.engine) as session:
            address = f"{name}@example.jp"
            token = invite(session, COMMAND_LINE, address=address, grants=grants)
            accept(session, COMMAND_LINE, token, name=name, password=PASSWORD)
        client = httpx.Client(base_url=house.url)
        clients.append(client)
        sign_in = {"address": address, "password": PASSWORD}
        sign_in["csrf"] = csrf_of(client.get("/sign-in").text)
        assert client.post("/sign-in", data=sign_in).status_code == 303
        client.headers["X-CSRF-Token"] = csrf_of(client.get("/account").text)
        return client

    yield signed_in
    for client in clients:
        client.close()


def _console() -> list[tuple[str, GuardedRoute, Requires]]:
    """Return method and route of all that asks for a role."""
    found = []
    for route in all_routes():
        calls = [dependency.call for dependency in flatten(route.dependant)]
        for guard in calls:
            if isinstance(guard, Requires) and guard.permission is not None:
                found += [(method, route, guard) for method in route.methods or ()]
    return found


def _rows(engine: Engine) -> dict[str, set[str]]:
    with reading(engine) as session:
        return {
            table.name: {repr(row) for row in session.execute(select(table))}
            for table in Base.metadata.sorted_tables
            if table.name not in _OF_VISITS
        }


def _changed(engine: Engine, before: dict[str, set[str]]) -> dict[str, set[str]]:
    after = _rows(engine)
    return {name: rows ^ after[name] for name, rows in before.items() if rows != after[name]}


def _ask(client: httpx.Client, method: str, path: str) -> int:
    if method == "GET":
        with client.stream("GET", path) as answer:  # a stream of events has no end
            return answer.status_code
    return client.request(method, path, data=_FORM, files=_FILE).status_code


def test_who_is_not_signed_in_gets_to_the_sign_in_page(house: House, victim: Victim) -> None:
    before = _rows(house.engine)
    with httpx.Client(base_url=house.url) as client:
        answers = {
            path: _ask(client, method, path)
            for method, route, _ in _console()
            if method == "GET" and (path := victim.path(route, "beta"))
        }
    assert len(answers) > 40
    assert {asked: code for asked, code in answers.items() if code != 303} == {}
    assert _changed(house.engine, before) == {}


def test_all_roles_elsewhere_open_no_door_here(
    house: House, victim: Victim, visitor: Visitor
) -> None:
    grants = [Grant(role=role, newsletter_id=house.stage.newsletter_id) for role in Role]
    client = visitor("stranger", *grants)
    before = _rows(house.engine)
    for newsletter in ("beta", "digest"):
        answers = {
            (method, path): _ask(client, method, path)
            for method, route, _ in _console()
            if (path := victim.path(route, newsletter)) != route.path
            and (newsletter == "beta" or _names_a_thing(path, victim))
            and not (newsletter == "digest" and route.path.endswith(_OF_NO_THING))
        }
        assert len(answers) > 50
        assert {asked: code for asked, code in answers.items() if code not in _REFUSED} == {}
        assert _changed(house.engine, before) == {}


def test_a_newsletter_elsewhere_is_as_one_that_does_not_exist(
    house: House, victim: Victim, visitor: Visitor
) -> None:
    client = visitor(
        "guest", Grant(role=Role.ADMINISTRATOR, newsletter_id=house.stage.newsletter_id)
    )

    def answers(newsletter: str) -> dict[str, tuple[int, str]]:
        found = {}
        for method, route, _ in _console():
            if method != "GET" or "{newsletter}" not in route.path:
                continue
            with client.stream("GET", victim.path(route, newsletter)) as answer:
                said = answer.read().decode() if answer.status_code >= 400 else ""
            found[route.path] = (answer.status_code, _unnamed(said, newsletter))
        return found

    assert answers("beta") == answers("nowhere")


def test_anothers_number_is_as_one_that_nothing_has(
    house: House, victim: Victim, visitor: Visitor
) -> None:
    grants = [Grant(role=role, newsletter_id=house.stage.newsletter_id) for role in Role]
    client = visitor("counter", *grants)
    nothing = replace(victim, things=dict.fromkeys(victim.things, "987654"))
    differ = {}
    for method, route, _ in _console():
        path, missing = (each.path(route, "digest") for each in (victim, nothing))
        if path == missing or route.path.endswith(_OF_NO_THING):
            continue
        answers = []
        for asked in (path, missing):
            data, files = (_FORM, _FILE) if method == "POST" else (None, None)
            with client.stream(method, asked, data=data, files=files) as answer:
                said = answer.read().decode() if answer.status_code >= 400 else ""
            words = re.sub(r"\d+", "", _unnamed(said, asked.rpartition("/digest/")[2]))
            answers.append((answer.status_code, words))
        if answers[0] != answers[1]:
            differ[method, route.path] = answers
    assert differ == {}


def _unnamed(page: str, newsletter: str) -> str:
    """Return a page without the name asked for, and without what differs at each visit."""
    opened = re.sub(r'(?s)<p class="print-only">.*?</p>', "", page)
    return re.sub(r'(nonce|value|content)="[^"]*"', "", opened.replace(newsletter, ""))


def _names_a_thing(path: str, victim: Victim) -> bool:
    return any(f"/{word}/{thing}" in path for word, thing in victim.things.items())


@pytest.mark.parametrize("role", [Role.EDITOR, Role.APPROVER, Role.OPERATOR])
def test_a_role_opens_what_the_table_says_and_nothing_else(
    house: House, victim: Victim, visitor: Visitor, role: Role
) -> None:
    client = visitor(role.value, Grant(role=role, newsletter_id=house.stage.newsletter_id))
    wrong = {}
    for method, route, guard in _console():
        if method != "GET" or "{newsletter}" not in route.path:
            continue
        assert guard.permission is not None
        may = role in PERMISSIONS[guard.permission]
        code = _ask(client, method, victim.path(route, "digest"))
        if (code == 403) is may:
            wrong[route.path] = code
    assert wrong == {}


@pytest.mark.usefixtures("victim")
def test_who_may_not_see_subscribers_finds_none_while_writing(
    house: House, visitor: Visitor
) -> None:
    set_subscribers(house.engine, "digest", {"hanako@example.jp": "Hanako"})
    here = house.stage.newsletter_id
    find = {"find": "hana", "back": "/newsletters/digest/drafts/1"}
    writer = visitor("writer", Grant(role=Role.EDITOR, newsletter_id=here))
    assert writer.post("/newsletters/digest/readers", data=find).status_code == 403
    both = [Grant(role=role, newsletter_id=here) for role in (Role.EDITOR, Role.OPERATOR)]
    found = visitor("both", *both).post("/newsletters/digest/readers", data=find)
    assert "hanako@example.jp" in found.text


@pytest.mark.usefixtures("victim")
def test_who_may_not_build_segments_counts_nobody_by_one(house: House, visitor: Visitor) -> None:
    here = house.stage.newsletter_id
    asked = "/newsletters/digest/audience?segment=" + 'name starts with "H"'
    reader = visitor("reader", Grant(role=Role.APPROVER, newsletter_id=here))
    assert reader.get(asked).status_code == 403
    sender = visitor("sender", Grant(role=Role.EDITOR, newsletter_id=here))
    assert sender.get(asked).status_code == 200
