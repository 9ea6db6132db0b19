"""Messages that a database keeps are worded for whoever reads them, and old plain text stays."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, text

from newsletter.database.engine import transaction
from newsletter.errors import ListError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, dump_message, load_message, msg, nmsg, pmsg, written
from newsletter.i18n.values import Alternatives, Day, Listing, Moment, Number, Percent, Size
from newsletter.mailings.mailings import pause_mailing
from newsletter.mailings.reports.progress import progress
from tests.support.stage import set_stage

_NOON = Moment(datetime(2026, 12, 1, 12, tzinfo=UTC), "Asia/Tokyo")


@pytest.mark.parametrize(
    "message",
    [
        msg("Paused by {person}.", person="葵 {x}"),
        msg("The recipients cannot be determined. {reason}", reason=msg("The list is empty.")),
        pmsg("mailing", "Sending"),
        nmsg("{count} picture", "{count} pictures", 2),
        msg("{a} {b} {c}", a=Number(1234), b=Size(64_000), c=Listing(("a", "b"))),
        msg("{a} {b}", a=Percent(12.5, 1), b=Percent(3, 0)),
        msg("{a} {b} {c}", a=Alternatives(("a", "b")), b=Day(date(2026, 12, 1)), c=_NOON),
        written('{"not": "a message"}'),
    ],
)
def test_a_message_comes_back_as_it_was_kept(message: Message) -> None:
    assert load_message(dump_message(message)) == message


@pytest.mark.parametrize("kept", ["wrong title", "{}", "[1]", '{"message": 1}', "{x}", "null"])
def test_what_is_no_kept_message_is_shown_as_it_stands(kept: str) -> None:
    assert load_message(kept).in_language(Language.JAPANESE) == kept


def test_an_error_is_kept_whole_and_worded_in_another_language_later() -> None:
    error = ListError(
        msg("This line is larger than 1 MiB."),
        place=Place(source="list.csv", line=3),
        remedy=msg("Choose a file."),
    )
    kept = load_message(dump_message(error.whole))
    assert str(kept) == "list.csv:3: This line is larger than 1 MiB. Choose a file."
    assert kept.in_language(Language.JAPANESE) == (
        "list.csv 3行目：この行は1 MiBを超えています。ファイルを選んでください。"
    )


def test_why_a_mailing_is_held_is_told_in_the_reader_s_language(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    mailing = stage.mail()
    with transaction(stage.engine) as session:
        pause_mailing(session, mailing, reason=msg("Paused by {person}.", person="葵"))
    reason = progress(stage.engine, mailing).halt_reason
    assert reason is not None
    assert reason.in_language(Language.JAPANESE) == "葵が一時停止しました。"
    with transaction(stage.engine) as session:
        session.execute(text("UPDATE mailing SET halt_reason = 'Its hour passed.'"))
    assert str(progress(stage.engine, mailing).halt_reason) == "Its hour passed."


def test_values_are_written_as_each_language_writes_them() -> None:
    found = msg(
        "{size} {names} {day} {moment}",
        size=Size(1_534_000),
        names=Listing(("a", "b", "c")),
        day=Day(date(2026, 12, 1)),
        moment=_NOON,
    )
    assert str(found) == "1.5 MB a, b and c 1 December 2026 1 Dec 2026, 21:00"
    assert (
        found.in_language(Language.JAPANESE) == "1.5 MB a、b、c 2026年12月1日 2026年12月1日 21:00"
    )
