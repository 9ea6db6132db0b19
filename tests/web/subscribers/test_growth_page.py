"""The page of a newsletter's growth says why people left, without who."""

from __future__ import annotations

from datetime import timedelta

from lxml import html
from sqlalchemy import select, update

from newsletter.database.engine import transaction
from newsletter.database.tables import NewsletterRow, UnsubscribeEventRow
from newsletter.database.types import now
from newsletter.database.vocabulary import LeaveReason, Role, UnsubscribeWay
from subscribers.leaving import give_reason, unsubscribe
from tests.support.databases import each_database
from tests.support.stage import Stage
from tests.web.conftest import SignIn

_PAGE = "/newsletters/digest/subscribers/growth"


def _leave(stage: Stage, address: str, reason: LeaveReason, remark: str = "") -> None:
    person = stage.subscriber_id(address)
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=person,
            mailing_id=None,
            way=UnsubscribeWay.PAGE,
        )
        give_reason(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=person,
            reason=reason,
            remark=remark,
        )


@each_database
def test_the_reasons_of_a_whole_newsletter_are_told_for_the_period_shown(
    stage: Stage, sign_in: SignIn
) -> None:
    people = [f"{letter}@example.jp" for letter in "abc"]
    stage.subscribe(*people)
    _leave(stage, people[0], LeaveReason.TOO_MANY, "週に一度で\n十分です")
    _leave(stage, people[1], LeaveReason.TOO_MANY)
    _leave(stage, people[2], LeaveReason.OTHER, "昔のこと")
    with transaction(stage.engine) as session:
        zone = session.scalars(select(NewsletterRow.time_zone)).one()
        assert zone == "Asia/Tokyo"
        session.execute(
            update(UnsubscribeEventRow)
            .where(UnsubscribeEventRow.subscriber_id == stage.subscriber_id(people[2]))
            .values(occurred_at=now() - timedelta(days=40))
        )
    editor = sign_in("editor@example.jp", Role.EDITOR)

    def told(by: str) -> str:
        page = html.fromstring(editor.get(_PAGE, params={"by": by}).text)
        (section,) = page.xpath("//section[@aria-labelledby='why']")
        return " ".join(str(section.text_content()).split())

    assert "Too many emails 2" in told("day")
    assert "週に一度で 十分です" in told("day")
    assert "昔のこと" not in told("day")
    assert "Another reason 1" in told("week")
    assert "昔のこと" in told("week")
    assert not any(address in told("week") for address in people)


def test_what_people_wrote_is_read_by_who_may_see_whom_was_not_reached(
    stage: Stage, sign_in: SignIn
) -> None:
    stage.subscribe("a@example.jp")
    _leave(stage, "a@example.jp", LeaveReason.OTHER, "遠くへ越した")
    page = sign_in("reader@example.jp", Role.APPROVER).get(_PAGE).text
    assert "Another reason" in page
    assert "遠くへ越した" not in page


def test_periods_before_the_first_reader_are_not_listed(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("a@example.jp")
    page = html.fromstring(sign_in("editor@example.jp", Role.EDITOR).get(f"{_PAGE}?by=day").text)
    assert len(page.xpath("//table//tbody/tr")) == 1
