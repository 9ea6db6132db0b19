"""Readers' pages are in their newsletter's look: its sheet, its logo, its picture for networks."""

from __future__ import annotations

import re
from io import BytesIO

import httpx
import pytest
from PIL import Image
from sqlalchemy import update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import Joining, Visibility
from newsletter.issues.store import find_issue
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.newsletters.look.designs import find_design
from newsletter.newsletters.look.model import look_to_json
from newsletter.newsletters.publications import get_newsletter
from newsletter.settings import Settings
from subscribers.invitations import make_invitation
from tests.support.rendering import render_stored
from tests.support.stage import Stage

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _take(stage: Stage, design: str) -> None:
    with transaction(stage.engine) as session:
        look = look_to_json(find_design(design).look)
        session.execute(update(NewsletterRow).values(look=look))


def _sheet_of(page: str) -> str:
    found = re.search(r'href="(/looks/[^"]+)"', page)
    assert found is not None
    return found[1]


def test_pages_load_the_look_from_an_address_that_changes_with_it(stage: Stage, site: str) -> None:
    first = _sheet_of(httpx.get(f"{site}/subscribe/digest").text)
    _take(stage, "museum")
    second = _sheet_of(httpx.get(f"{site}/subscribe/digest").text)

    answer = httpx.get(site + second)

    assert first != second
    assert "--mail-accent: light-dark(#7a1f2b," in answer.text
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    again = httpx.get(site + second, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "immutable" not in httpx.get(site + first).headers["cache-control"]
    assert httpx.get(f"{site}/looks/nobody/ja.css").status_code == 404


def test_a_hidden_newsletter_s_look_is_for_whoever_sees_its_pages_alone(
    stage: Stage, site: str
) -> None:
    before = _sheet_of(httpx.get(f"{site}/subscribe/digest").text)
    with transaction(stage.engine) as session:
        newsletter = get_newsletter(session, stage.newsletter_id)
        newsletter.visibility, newsletter.joining = Visibility.PRIVATE, Joining.INVITATION
        _row, token = make_invitation(session, COMMAND_LINE, newsletter, uses=1, days=7)

    for path in (before, "/looks/digest/ja.css", "/looks/digest/social.png"):
        answers = [httpx.get(site + at) for at in (path, path.replace("digest", "nobody"))]
        assert [answer.status_code for answer in answers] == [404, 404], path
        hidden, none = (answer.text.replace("digest", "nobody") for answer in answers)
        assert hidden == none
    invited = httpx.get(f"{site}/subscribe/digest?invitation={token}").text
    assert "--mail-accent" in httpx.get(site + _sheet_of(invited)).text
    assert "social.png" not in invited


def test_what_was_sent_keeps_the_look_it_was_sent_with(stage: Stage, site: str) -> None:
    stage.subscribe("a@example.jp")
    plan_mailing(stage.engine, stage.mail())
    _take(stage, "museum")

    page = httpx.get(f"{site}/archive/digest/{stage.issue}").text

    assert "#12406b" in page
    assert "#7a1f2b" not in page


def test_an_approval_is_for_the_look_that_the_mail_was_seen_in(stage: Stage) -> None:
    def digest() -> str:
        with reading(stage.engine) as session:
            newsletter = get_newsletter(session, stage.newsletter_id)
            issue = find_issue(session, newsletter.id, stage.issue)
            folder = Settings(_env_file=None).templates_dir
            return content_digest(
                newsletter, render_stored(issue, newsletter, templates_dir=folder)
            )

    seen = digest()
    assert digest() == seen
    _take(stage, "museum")
    assert digest() != seen


def test_the_picture_for_networks_has_the_looks_colours(stage: Stage, site: str) -> None:
    _take(stage, "disaster")
    page = httpx.get(f"{site}/subscribe/digest").text
    found = re.search(r'property="og:image" content="([^"]+)"', page)
    assert found is not None
    with Image.open(BytesIO(httpx.get(found[1]).content)) as picture:
        assert picture.size == (1200, 630)
        assert picture.convert("RGB").getpixel((5, 5)) == (0xB4, 0x00, 0x1E)
