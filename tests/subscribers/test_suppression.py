"""What suppresses an address, as whoever asks may know it, and what ends with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BounceDecisionRow, BounceRow, SuppressionRow
from newsletter.database.vocabulary import (
    BounceKind,
    BounceSource,
    FeedbackAction,
    SuppressionReason,
)
from newsletter.newsletters.actions import create_newsletter
from newsletter.tokens import Pseudonyms
from subscribers.suppression import find_suppressions, lift_suppression, suppress
from tests.support.databases import on_one_database
from tests.support.stage import DRAFT, Stage, set_stage

_READER, _ERASED = "reader@example.jp", "erased@example.jp"
_PSEUDONYMS = Pseudonyms((b"k" * 32,))


@pytest.fixture
def stage(engine: Engine) -> Stage:
    found = set_stage(engine)
    found.subscribe(_READER)
    return found


def _suppress(stage: Stage, scope: int | None) -> None:
    with transaction(stage.engine) as session:
        suppress(
            session,
            address_key=_READER,
            reason=SuppressionReason.HARD_BOUNCE,
            newsletter_id=scope,
            evidence=f"of {scope}",
        )


@on_one_database("sqlite")
def test_of_what_holds_elsewhere_one_learns_nothing_and_of_what_holds_for_all_only_that(
    stage: Stage,
) -> None:
    with transaction(stage.engine) as session:
        other = create_newsletter(session, COMMAND_LINE, replace(DRAFT, slug="other", name="別"))
        strange = other.id
    own = stage.newsletter_id
    for scope in (own, strange, None):
        _suppress(stage, scope)

    def told(seen: list[int] | None) -> dict[int | None, tuple[str, str, bool]]:
        with reading(stage.engine) as session:
            found = find_suppressions(session, _READER, _PSEUDONYMS, newsletter_ids=seen)
        return {
            each.newsletter_id: (each.newsletter, each.evidence, each.liftable) for each in found
        }

    whole = {
        own: (DRAFT.name, f"of {own}", True),
        strange: ("別", f"of {strange}", True),
        None: ("", "of None", True),
    }
    assert told(None) == whole
    assert told([own]) == {own: whole[own], None: ("", "", False)}
    assert told([strange]) == {strange: whole[strange]}


@on_one_database("sqlite")
def test_of_an_erased_address_is_found_that_it_was_and_it_is_not_lifted(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        for address in (_ERASED, "another@example.jp"):
            session.add(
                SuppressionRow(
                    address_hash=_PSEUDONYMS.of(address), reason=SuppressionReason.ERASED
                )
            )
    with reading(stage.engine) as session:
        [found] = find_suppressions(session, _ERASED, _PSEUDONYMS)
    assert (found.reason, found.liftable) == (SuppressionReason.ERASED, False)


@on_one_database("sqlite")
def test_lifting_undoes_the_decisions_that_led_to_it_and_no_other(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        for number, scope in enumerate((None, stage.newsletter_id)):
            held = SuppressionRow(
                address_key=_READER, reason=SuppressionReason.HARD_BOUNCE, newsletter_id=scope
            )
            bounce = BounceRow(
                event_id=f"e{number}",
                address=_READER,
                kind=BounceKind.HARD,
                source=BounceSource.MAIL,
                reply=f"550 {number}",
            )
            session.add_all([held, bounce])
            session.flush()
            session.add(
                BounceDecisionRow(
                    bounce_id=bounce.id,
                    action=FeedbackAction.SUPPRESSED,
                    evidence={},
                    suppression_id=held.id,
                )
            )
    with transaction(stage.engine) as session:
        second, first = find_suppressions(session, _READER, _PSEUDONYMS)
        assert (first.reply, second.reply) == ("550 0", "550 1")
        lift_suppression(session, first.suppression_id, reason="theirs")
    with reading(stage.engine) as session:
        left = find_suppressions(session, _READER, _PSEUDONYMS)
        decisions = session.scalars(select(BounceDecisionRow).order_by(BounceDecisionRow.id)).all()
    assert [each.suppression_id for each in left] == [second.suppression_id]
    assert [each.undone_because for each in decisions] == ["theirs", ""]
