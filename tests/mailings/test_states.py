"""A mailing makes the moves of its state table, and no other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.states import MAILING_TRANSITIONS, moving_mailings
from newsletter.database.tables import MailingRow
from newsletter.database.vocabulary import MailingState
from newsletter.errors import ConflictError
from newsletter.i18n.messages import written
from newsletter.mailings.mailings import cancel_mailing, pause_mailing
from tests.support.stage import Stage


def _in_state(stage: Stage, state: MailingState) -> int:
    number = stage.mail()
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(state=state))
    return number


def _state(stage: Stage, number: int) -> MailingState:
    with reading(stage.engine) as session:
        return session.get_one(MailingRow, number).state


@pytest.mark.parametrize("state", MailingState)
@pytest.mark.parametrize(
    ("target", "act"),
    [
        (MailingState.PAUSED, partial(pause_mailing, reason=written("a test"))),
        (MailingState.CANCELLED, cancel_mailing),
    ],
)
def test_a_mailing_is_held_or_ended_only_from_where_the_table_lets_it(
    stage: Stage, state: MailingState, target: MailingState, act: Callable[[Session, int], None]
) -> None:
    number = _in_state(stage, state)
    allowed = target in MAILING_TRANSITIONS[state]
    try:
        with transaction(stage.engine) as session:
            act(session, number)
    except ConflictError:
        assert not allowed
        assert _state(stage, number) is state
    else:
        assert allowed
        assert _state(stage, number) is target


def test_a_caller_cannot_move_a_mailing_where_the_table_does_not(stage: Stage) -> None:
    number = _in_state(stage, MailingState.CANCELLED)
    with transaction(stage.engine) as session:
        session.execute(
            moving_mailings(MailingState.SENDING, sources={MailingState.CANCELLED}).where(
                MailingRow.id == number
            )
        )
    assert _state(stage, number) is MailingState.CANCELLED
