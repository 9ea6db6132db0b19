"""A recurrence opens one draft, at whatever step the worker that opens it dies."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import Engine, func, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, DraftRevisionRow, DraftRow
from newsletter.database.vocabulary import Every
from newsletter.newsletters.publications import find_newsletter
from newsletter.newsletters.recurrence import Rule, find_recurrence, open_due_drafts, set_recurrence
from tests.faults.dying_round import die_at_each_step
from tests.support.stage import set_stage

_THURSDAY = 3
_MOMENT = datetime(2031, 1, 3, tzinfo=UTC)
_NEXT, _AFTER = date(2031, 1, 9), date(2031, 1, 16)


def test_one_draft_is_opened_whenever_the_worker_dies(engine: Engine, database_url: str) -> None:
    stage = set_stage(engine)
    with transaction(engine) as session:
        set_recurrence(
            session,
            COMMAND_LINE,
            find_newsletter(session, "digest"),
            Rule(every=Every.WEEK, weekday=_THURSDAY),
            start=date(2031, 1, 3),
        )
    *died, ended = die_at_each_step(database_url, _MOMENT, "drafts")
    # Nothing is there until the commit, and a commit is the last step but for the end.
    assert len(died) > 3
    assert ended.endswith("opened 1")

    assert open_due_drafts(engine, _MOMENT) == 0
    with reading(engine) as session:
        (draft,) = session.scalars(select(DraftRow)).all()
        assert draft.content["issue_date"] == _NEXT.isoformat()
        assert session.scalar(select(func.count()).select_from(DraftRevisionRow)) == 1
        opened = select(AuditEventRow.object).where(AuditEventRow.action == Action.ISSUE_OPEN)
        assert session.scalars(opened).all() == [f"draft {draft.id}"]
        recurrence = find_recurrence(session, stage.newsletter_id)
        assert recurrence is not None
        assert recurrence.next_on == _AFTER
