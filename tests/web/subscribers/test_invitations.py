"""A newsletter that is joined by invitation is joined by a link that holds, at every door."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape

import httpx
import pytest
from sqlalchemy import select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, JoinInvitationRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Joining, Role, SubscriptionState, Visibility
from newsletter.errors import ListError
from newsletter.newsletters.publications import find_newsletter
from subscribers.invitations import make_invitation, may_join, revoke_invitation
from tests.support.databases import each_database
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of
from tests.web.subscribers.conftest import Reception

NEW, OTHER = "new@example.jp", "other@example.jp"


def _invite(stage: Stage, *, uses: int = 1) -> tuple[int, str]:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(joining=Joining.INVITATION))
        newsletter = find_newsletter(session, "digest")
        row, token = make_invitation(session, COMMAND_LINE, newsletter, uses=uses, days=7)
        return row.id, token


@each_database
def test_a_form_takes_as_many_as_the_link_lets_in(reception: Reception) -> None:
    _, token = _invite(reception.stage)
    assert httpx.get(reception.form).status_code == 403
    assert "<form method" not in httpx.get(reception.form).text
    assert token in httpx.get(f"{reception.form}?invitation={token}").text
    assert reception.ask(NEW).status_code == 403
    assert reception.ask(NEW, invitation="x" * 43).status_code == 403
    assert reception.ask(NEW, invitation=token).status_code == 200
    assert reception.ask(OTHER, invitation=token).status_code == 403
    httpx.post(reception.link())
    assert reception.state(NEW) is SubscriptionState.CONFIRMED
    assert reception.state(OTHER) is None


def test_a_private_newsletter_is_there_for_those_alone_who_were_invited(
    reception: Reception,
) -> None:
    number, token = _invite(reception.stage)
    engine = reception.stage.engine
    with transaction(engine) as session:
        session.execute(update(NewsletterRow).values(visibility=Visibility.PRIVATE))

    def look(slug: str, path: str, query: str = "") -> tuple[int, str]:
        answer = httpx.get(f"{reception.url}/subscribe/{slug}{path}{query}")
        return answer.status_code, answer.text.replace(slug, "")

    for path in ("", "/challenge", "/form", "/press", "/press/embed"):
        for query in ("", "?invitation=" + "x" * 43):
            assert look("digest", path, query) == look("nowhere", path, query)
    assert reception.ask(NEW).status_code == 404

    invited = f"?invitation={token}"
    status, page = look("digest", "", invited)
    assert status == 200
    assert "まちのデジタル便り" in page
    challenge = re.search(r'data-challenge="([^"]+)"', page)
    assert challenge is not None
    challenged = unescape(challenge[1]).removeprefix("/subscribe/")
    assert look("digest", challenged)[0] == 200
    assert reception.ask(NEW, invitation=token).status_code == 200

    with transaction(engine) as session:
        revoke_invitation(session, COMMAND_LINE, reception.stage.newsletter_id, number)
    status, page = look("digest", "", invited)
    assert status == 403
    assert "発行者に再発行をご依頼ください" in page


def test_whoever_left_a_newsletter_by_invitation_is_led_to_no_form(reception: Reception) -> None:
    reception.stage.subscribe(NEW)
    leave = reception.unsubscribe_link(NEW)
    assert "/subscribe/digest" in httpx.post(leave).text
    _invite(reception.stage)
    assert "/subscribe/digest" not in httpx.post(leave).text


def test_one_use_is_one_request_when_two_come_at_once(reception: Reception) -> None:
    _, token = _invite(reception.stage)
    with ThreadPoolExecutor(2) as people:
        answers = people.map(lambda who: reception.ask(who, invitation=token), (NEW, OTHER))
        assert sorted(answer.status_code for answer in answers) == [200, 403]


def test_a_link_ends_by_its_day_by_being_revoked_and_is_kept_as_a_hash(
    reception: Reception,
) -> None:
    engine = reception.stage.engine
    number, token = _invite(reception.stage, uses=9)

    def holds() -> bool:
        with reading(engine) as session:
            return may_join(session, find_newsletter(session, "digest"), token)

    assert holds()
    with reading(engine) as session:
        assert token not in str(session.get_one(JoinInvitationRow, number).__dict__)
    with transaction(engine) as session:
        session.execute(update(JoinInvitationRow).values(expires_at=now() - timedelta(seconds=1)))
    assert not holds()
    with transaction(engine) as session:
        session.execute(update(JoinInvitationRow).values(expires_at=now() + timedelta(days=1)))
        revoke_invitation(session, COMMAND_LINE, reception.stage.newsletter_id, number)
    assert not holds()


def test_an_invitation_without_an_end_is_refused(reception: Reception) -> None:
    with transaction(reception.stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        for uses, days in ((0, 7), (1, 0), (10_001, 7), (1, 367)):
            with pytest.raises(ListError):
                make_invitation(session, COMMAND_LINE, newsletter, uses=uses, days=days)


@each_database
def test_an_operator_makes_and_revokes_a_link_on_the_page(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = "/newsletters/digest/subscribers/invitations"
    csrf = csrf_of(client.get(page).text)
    made = client.post(page, data={"csrf": csrf, "uses": "5", "days": "30", "note": "町内会"})
    assert "/subscribe/digest?invitation=" in made.text
    assert made.headers["Cache-Control"] == "no-store"
    listed = client.get(page).text
    assert "町内会" in listed
    assert "?invitation=" not in listed
    with reading(stage.engine) as session:
        number = session.scalars(select(JoinInvitationRow.id)).one()
    client.post(f"{page}/{number}/revoke", data={"csrf": csrf})
    with reading(stage.engine) as session:
        assert session.get_one(JoinInvitationRow, number).revoked_at is not None
        actions = session.scalars(
            select(AuditEventRow.action).where(AuditEventRow.action.startswith("join."))
        )
        assert sorted(actions) == ["join.invite", "join.revoke"]
