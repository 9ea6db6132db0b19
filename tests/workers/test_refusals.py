"""Whose refusal it is: the recipient's, or the relay's of all that is ours."""

from __future__ import annotations

import pytest

from newsletter.database.vocabulary import DeliveryState as State
from newsletter.mailings.ledger.outcomes import Outcome
from workers.refusals import Refusals

DENIED = "554 5.7.1 <r@example.jp>: Relay access denied"


def _states(refusals: Refusals, *answers: Outcome) -> list[State]:
    certain = [each for answer in answers for each in refusals.note(answer, address="r@example.jp")]
    certain += refusals.end()
    assert sorted(each.position for each in certain) == [each.position for each in answers]
    return [each.state for each in sorted(certain, key=lambda each: each.position)]


def _row(count: int, reply: str = DENIED, *, first: int = 0, attempts: int = 1) -> list[Outcome]:
    status = reply.split(" ")[1]
    return [
        Outcome(
            position=first + number,
            state=State.REJECTED,
            attempts=attempts,
            code=int(reply[:3]),
            status=status if status.startswith("5.") else "",
            reply=reply,
            command="RCPT",
        )
        for number in range(count)
    ]


def _accepted(position: int) -> Outcome:
    return Outcome(position=position, state=State.ACCEPTED, attempts=1, code=250)


def _by_turns(*answers: tuple[int, Outcome]) -> list[State]:
    """Return what becomes of answers, each with the connection that it came over."""
    refusals = Refusals()
    certain: list[Outcome] = []
    for connection, answer in answers:
        certain += refusals.note(answer, address="r@example.jp", connection=connection)
    certain += refusals.end()
    return [each.state for each in sorted(certain, key=lambda each: each.position)]


@pytest.mark.parametrize(
    "reply",
    [
        DENIED,
        "550 5.7.1 Daily sending quota exceeded",
        "554 Message rejected: Email address is not verified",
        "550 5.7.26 unauthenticated mail is prohibited",
        "554 5.7.1 Message content rejected as spam",
        "550 sorry, no mailing allowed from your host",
        "553 5.1.8 sender domain is not verified here",
        "554 5.3.0 Rejected",
    ],
)
def test_many_refusals_in_a_row_that_speak_of_us_are_put_off(reply: str) -> None:
    refusals = Refusals()
    assert _states(refusals, _accepted(0), *_row(23, reply, first=1)) == [
        State.ACCEPTED,
        *[State.DEFERRED] * 23,
    ]
    assert refusals.words == reply


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.1 no such user",
        "550 5.1.2 Host or domain name not found",
        "552 5.2.2 mailbox full",
        "550 5.2.1 mailbox disabled",
        "550 Requested action not taken: mailbox unavailable, user unknown",
    ],
)
def test_however_many_addresses_are_dead_each_is_refused_by_itself(reply: str) -> None:
    refusals = Refusals()
    assert _states(refusals, *_row(40, reply)) == [State.REJECTED] * 40
    assert refusals.words == ""


def test_a_refusal_among_accepted_messages_is_that_recipient_s() -> None:
    refusals = Refusals()
    answers = [*_row(5), _accepted(5), *_row(5, first=6), _accepted(11)]
    row = [State.REJECTED] * 5
    assert _states(refusals, *answers) == [*row, State.ACCEPTED, *row, State.ACCEPTED]


@pytest.mark.parametrize("accepted", [[], [_accepted(0)]], ids=["nothing", "one before"])
@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_a_batch_ends_with_is_put_off_however_few_they_are(
    count: int, attempts: int, accepted: list[Outcome]
) -> None:
    refusals = Refusals()
    answers = [*accepted, *_row(count, first=1, attempts=attempts)]
    assert _states(refusals, *answers)[len(accepted) :] == [State.DEFERRED] * count
    assert refusals.words == ""


def test_what_a_connection_refuses_that_takes_nothing_is_put_off_whatever_others_take() -> None:
    refused = [(2, one) for one in _row(30)]
    taken = [(1, _accepted(position)) for position in range(30, 60)]
    answers = [one for pair in zip(refused, taken, strict=True) for one in pair]
    assert _by_turns(*answers) == [State.DEFERRED] * 30 + [State.ACCEPTED] * 30
    # One more than were put off at once is no recipient's fault, either.
    assert _by_turns(*answers[:42])[:21] == [State.DEFERRED] * 21


def test_no_more_than_twenty_wait_for_a_connection_that_takes_nothing() -> None:
    refusals, certain = Refusals(), 0
    for one in _row(40):
        refusals.note(_accepted(100 + one.position), address="r@example.jp", connection=1)
        certain += len(refusals.note(one, address="r@example.jp", connection=2))
        assert one.position + 1 - certain < 20
    assert refusals.words == ""


def test_what_any_connection_refused_before_the_first_mail_after_an_outage_is_put_off() -> None:
    refusals = Refusals(known=True)
    (refused,) = _row(1)
    assert refusals.note(refused, address="r@example.jp", connection=2) == []
    first, taken = refusals.note(_accepted(1), address="r@example.jp", connection=1)
    assert (first.state, taken.state) == (State.DEFERRED, State.ACCEPTED)


def test_what_a_connection_refuses_that_takes_mail_is_that_recipient_s() -> None:
    before = [(1, _accepted(0)), *((1, one) for one in _row(5, first=1)), (2, _accepted(6))]
    after = [*((3, one) for one in _row(5, first=7)), (2, _accepted(12)), (3, _accepted(13))]
    taken, refused = State.ACCEPTED, [State.REJECTED] * 5
    assert _by_turns(*before, *after) == [taken, *refused, taken, *refused, taken, taken]


def test_what_is_refused_before_the_first_mail_after_an_outage_is_put_off() -> None:
    answers = [*_row(5), _accepted(5), *_row(5, first=6), _accepted(11)]
    outage = [*[State.DEFERRED] * 5, State.ACCEPTED]
    usual = [*[State.REJECTED] * 5, State.ACCEPTED]
    assert _states(Refusals(known=True), *answers) == [*outage, *usual]


def test_one_alone_shows_that_its_relay_refuses_all_where_that_is_known() -> None:
    refusals = Refusals()
    assert refusals.note(_row(1)[0], address="r@example.jp") == []
    assert [one.state for one in refusals.end(known=True)] == [State.DEFERRED]
    assert refusals.words == DENIED
