"""The audit log as it is asked: page after page, and who did something to what."""

from __future__ import annotations

from datetime import timedelta

from newsletter.accounts.audit import (
    COMMAND_LINE,
    NOBODY,
    Actor,
    AuditFilter,
    actors_since,
    list_events,
    record_event,
    rights_of_actor,
)
from newsletter.accounts.audit_actions import Action, details_of
from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading, transaction
from newsletter.database.types import now
from tests.support.stage import Stage


def test_a_page_of_events_goes_on_behind_the_last_one(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        for number in range(3):
            record_event(session, COMMAND_LINE, Action.SEGMENT_SAVE, object=f"tag {number}")
    asked = AuditFilter(object="tag ")
    with reading(stage.engine) as session:
        first = list_events(session, asked, limit=2)
        rest = list_events(session, asked, before=first[-1].id, limit=2)
    assert [row.object for row in (*first, *rest)] == ["tag 2", "tag 1", "tag 0"]


def test_who_did_something_is_told_of_this_action_and_newsletter_alone(stage: Stage) -> None:
    def note(name: str, action: Action, newsletter_id: int | None) -> None:
        actor = Actor(account_id=None, name=name)
        record_event(session, actor, action, object="issue 1", newsletter_id=newsletter_id)

    since = now() - timedelta(minutes=1)
    with transaction(stage.engine) as session:
        note("the one", Action.SEGMENT_SAVE, stage.newsletter_id)
        note("of all newsletters", Action.SEGMENT_SAVE, None)
        note("of another action", Action.SEGMENT_DELETE, stage.newsletter_id)
    with reading(stage.engine) as session:
        found = actors_since(
            session,
            Action.SEGMENT_SAVE,
            ["issue 1"],
            newsletter_id=stage.newsletter_id,
            since=since,
        )
    assert found == {"the one"}


def test_who_has_no_account_may_everything_by_a_command_and_nothing_by_a_page(stage: Stage) -> None:
    with reading(stage.engine) as session:
        assert rights_of_actor(session, COMMAND_LINE).may_everywhere(Permission.ADMINISTER)
        assert not rights_of_actor(session, NOBODY).may(Permission.COMMENT)


def test_a_name_of_somebody_s_making_lets_no_entry_say_otherwise(stage: Stage) -> None:
    turned = "list\u202etxt.\u2066\x1b[1m\x85"
    details = details_of({"name": turned, "changed": [turned], "labels": {"ja": turned}})
    with transaction(stage.engine) as session:
        record_event(
            session,
            COMMAND_LINE,
            Action.SNIPPET_SAVE,
            object=turned,
            reason=turned,
            details=details,
        )
    with reading(stage.engine) as session:
        (event,) = list_events(session, AuditFilter(action="snippet"))
    shown = "list\ufffdtxt.\ufffd␛[1m\ufffd"
    assert (event.object, event.reason) == (shown, shown)
    assert event.details == {"name": shown, "changed": [shown], "labels": {"ja": shown}}
