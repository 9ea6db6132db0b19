"""What suppresses an address, as whoever asks may know it, and what ends with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

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
from subscribers import suppression
from subscribers.suppression import (
    erased_among,
    find_suppressions,
    lift_suppression,
    may_be_suppressed,
    suppress,
)
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


def _decide(session: Session, suppression_id: int, *, reply: str) -> None:
    """Let a bounce have led to a suppression."""
    bounce = BounceRow(
        event_id=reply,
        address=_READER,
        kind=BounceKind.HARD,
        source=BounceSource.MAIL,
        reply=reply,
    )
    session.add(bounce)
    session.flush()
    session.add(
        BounceDecisionRow(
            bounce_id=bounce.id,
            action=FeedbackAction.SUPPRESSED,
            evidence={},
            suppression_id=suppression_id,
        )
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
def test_what_a_bounce_said_elsewhere_is_not_told_with_what_holds_for_all(stage: Stage) -> None:
    _suppress(stage, None)
    with transaction(stage.engine) as session:
        _decide(session, session.scalars(select(SuppressionRow.id)).one(), reply="550 theirs")
        for seen, reply in ((None, "550 theirs"), ([stage.newsletter_id], "")):
            [found] = find_suppressions(session, _READER, _PSEUDONYMS, newsletter_ids=seen)
            assert found.reply == reply


def test_an_address_is_suppressed_once_for_all_and_once_for_a_newsletter(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        made = [
            suppress(
                session,
                address_key=_READER,
                reason=SuppressionReason.MANUAL,
                newsletter_id=scope,
            )
            for scope in (None, None, stage.newsletter_id, stage.newsletter_id, None)
        ]
    assert [number is not None for number in made] == [True, False, True, False, False]


def test_however_many_are_suppressed_or_erased_each_is_known(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppression, "_FEW", 2)
    addresses = [f"r{number}@example.jp" for number in range(3)]
    with transaction(stage.engine) as session:
        assert not may_be_suppressed(session, addresses)
        for count, address in enumerate(addresses, 1):
            suppress(session, address_key=address, reason=SuppressionReason.MANUAL)
            pseudonym = _PSEUDONYMS.of(address)
            session.add(SuppressionRow(address_hash=pseudonym, reason=SuppressionReason.ERASED))
            session.flush()
            assert all(may_be_suppressed(session, [each]) for each in addresses[:count])
            assert erased_among(session, addresses, _PSEUDONYMS) == {*addresses[:count]}


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
            session.add(held)
            session.flush()
            _decide(session, held.id, reply=f"550 {number}")
    with transaction(stage.engine) as session:
        second, first = find_suppressions(session, _READER, _PSEUDONYMS)
        assert (first.reply, second.reply) == ("550 0", "550 1")
        lift_suppression(session, first.suppression_id, reason="theirs")
    with reading(stage.engine) as session:
        left = find_suppressions(session, _READER, _PSEUDONYMS)
        decisions = session.scalars(select(BounceDecisionRow).order_by(BounceDecisionRow.id)).all()
    assert [each.suppression_id for each in left] == [second.suppression_id]
    assert [each.undone_because for each in decisions] == ["theirs", ""]
