"""The page of digests: offered, previewed, paused and resumed by administrators alone."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from newsletter.database.engine import reading
from newsletter.database.tables import AuditEventRow
from newsletter.database.vocabulary import Frequency, Role
from newsletter.mailings.digests.rules import find_rules
from tests.support.digests import choose, offer, send_issue
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of

_PAGE = "/newsletters/digest/digests"
_TERMS = {"offered": "1", "day": "4", "hour": "17:30", "detail": "headlines", "template": ""}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What the database does is tested below the page."""
    return sqlite_url


def test_a_digest_is_offered_previewed_paused_and_resumed(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_PAGE).text)
    assert client.post(f"{_PAGE}/weekly", data=_TERMS | {"csrf": csrf}).status_code == 200
    stage.subscribe("a@example.jp")
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    send_issue(stage, 1)

    page = " ".join(client.get(_PAGE).text.split())
    assert "1号、1人" in page or "1 issue, 1 person" in page
    assert "第1号" in client.get(f"{_PAGE}/weekly/mail").text
    assert client.get(f"{_PAGE}/monthly/mail").status_code == 404

    client.post(f"{_PAGE}/weekly/pause", data={"csrf": csrf})
    client.post(f"{_PAGE}/weekly/resume", data={"csrf": csrf, "without": "1"})
    assert client.get(f"{_PAGE}/weekly/mail").status_code == 404
    with reading(stage.engine) as session:
        rule = find_rules(session, stage.newsletter_id)[Frequency.WEEKLY]
        actions = session.scalars(
            select(AuditEventRow.action)
            .where(AuditEventRow.action.contains("digest"))
            .order_by(AuditEventRow.id)
        ).all()
    assert (rule.day, rule.hour, rule.paused, rule.next_on.weekday()) == (4, "17:30", False, 4)
    assert actions == ["newsletter.digest", "digest.pause", "digest.resume"]


def test_wrong_terms_are_named_and_nothing_is_saved(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_PAGE).text)
    for wrong in ({"day": "9"}, {"hour": "noon"}, {"template": "none"}):
        answer = client.post(f"{_PAGE}/weekly", data=_TERMS | {"csrf": csrf} | wrong)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
    with reading(stage.engine) as session:
        assert not find_rules(session, stage.newsletter_id)


def test_an_urgent_issue_is_so_on_the_form_and_its_confirmation(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    offer(stage.engine)
    stage.subscribe("a@example.jp", "b@example.jp")
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    client = sign_in("editor@example.jp", Role.EDITOR)
    base = f"/newsletters/digest/issues/{issue_id}/send"
    assert 'name="urgent"' in client.get(base).text
    ordinary = client.get(f"{base}/confirm").text
    urgent = client.get(f"{base}/confirm?urgent=1").text
    assert "週刊まとめで読む人：1人" in ordinary or "In the weekly digest: 1 person" in ordinary
    assert "<strong>2人" in urgent or "<strong>2 people" in urgent
    assert 'name="urgent" value="1"' in urgent
