"""Home: what is due with what is in its way, how mailings went, and how readers grow."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from newsletter.database.engine import transaction
from newsletter.database.tables import (
    DeliveryRow,
    MailingLinkRow,
    MailingRow,
    NewsletterRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, MailingState, Role
from newsletter.i18n.language import Language
from newsletter.issues.drafts.saving import create_draft
from newsletter.issues.model import Issue
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.stage import Stage
from tests.web.conftest import SignIn, tight

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_home_tells_what_is_due_how_it_went_and_how_readers_grow(
    stage: Stage, sign_in: SignIn
) -> None:
    stage.subscribe("a@example.jp", "b@example.jp", "c@example.jp")
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(count_clicks=True))
    number = stage.mail()
    plan_mailing(stage.engine, number)
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED, settled_at=now()))
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.position == 1)
            .values(state=DeliveryState.REJECTED)
        )
        session.execute(update(MailingRow).values(state=MailingState.FINISHED, finished_at=now()))
        for link in session.scalars(select(MailingLinkRow)):
            link.clicks = 7 if link.number == 1 else 0
        empty = Issue(title="遅れている号", issue_date=now().date(), language=Language.JAPANESE)
        late = create_draft(session, stage.newsletter_id, empty, author="葵").id
    editor = sign_in("editor@example.jp", Role.EDITOR)
    home = editor.get("/home").text
    needs, went = home.split('id="last"')
    assert f"/drafts/{late}" in needs
    assert "Not written yet" in needs
    assert "error" not in needs
    assert ">2<" in tight(went)
    assert "33%" in went
    assert 'data-label="Clicks" class="number">7<' in tight(went)
    assert "Readers of まちのデジタル便り over twelve weeks" in went
    assert "/newsletters/digest/issues/new" in needs

    operator = sign_in("operator@example.jp", Role.OPERATOR).get("/home").text
    assert f"/drafts/{late}" not in operator


def test_a_draft_is_late_by_its_newsletters_day(stage: Stage, sign_in: SignIn) -> None:
    # At any moment one of these has another day than Greenwich.
    here = now().date()
    ahead = now().astimezone(ZoneInfo("Pacific/Kiritimati")).date() > here
    zone = "Pacific/Kiritimati" if ahead else "Pacific/Pago_Pago"
    day = min(here, now().astimezone(ZoneInfo(zone)).date())
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(time_zone=zone))
        issue = Issue(title="まだの号", issue_date=day, language=Language.JAPANESE)
        create_draft(session, stage.newsletter_id, issue, author="葵")

    home = sign_in("editor@example.jp", Role.EDITOR).get("/home").text

    assert ("Overdue" in home) is ahead
    assert ("Due today" in home) is not ahead


def test_home_names_what_is_wrong_to_those_who_operate(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("a@example.jp")
    plan_mailing(stage.engine, stage.mail())
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.FAILED, settled_at=now()))

    assert 'href="/operate">Failed deliveries: 1' in tight(
        sign_in("operator@example.jp", Role.OPERATOR).get("/home").text
    )
    assert 'href="/operate">Failed deliveries: 1' not in tight(
        sign_in("editor@example.jp", Role.EDITOR).get("/home").text
    )
