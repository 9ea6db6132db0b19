"""One person's history: every table that records something of them, one time line, by pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Engine, select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BounceRow,
    ConsentRow,
    ImportChangeRow,
    ListImportRow,
    MailingRow,
    NoteRow,
    SubscriptionRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BounceKind,
    BounceSource,
    ConsentStep,
    Frequency,
    MailingKind,
    SubscriptionState,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError, ListError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from newsletter.tokens import Pseudonyms
from subscribers.actions import suppress_person, unsubscribe_person
from subscribers.editing import PersonDraft, edit_person
from subscribers.erasure import erase
from subscribers.held_data import data_held
from subscribers.history import read_history
from subscribers.history_entries import HistoryEntry, HistoryPosition, Person
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.imports.undo import forget_old_journals
from subscribers.lists.parsers.tables import csv_records
from subscribers.notes import add_note, change_note, delete_note, list_notes
from subscribers.preferences import Wishes, pause, save_wishes
from tests.support import fields
from tests.support.digests import offer
from tests.support.stage import Stage, set_stage


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    stage.subscribe("anna@example.jp", "ben@example.jp")
    return stage


@pytest.fixture
def anna(stage: Stage) -> int:
    return stage.subscriber_id("anna@example.jp")


def _history(stage: Stage, person: int, *, limit: int = 100) -> list[HistoryEntry]:
    """Read all of a history, page by page."""
    found: list[HistoryEntry] = []
    whose = Person(newsletter_id=stage.newsletter_id, subscriber_id=person)
    mark: HistoryPosition | None = None
    with reading(stage.engine) as session:
        while True:
            page = read_history(session, whose, before=mark, limit=limit)
            found += page.entries
            if page.after is None:
                return found
            mark = HistoryPosition.decode(page.after.encode())


def _words(stage: Stage, person: int) -> list[str]:
    return [
        " · ".join(str(each.in_language(Language.ENGLISH)) for each in (entry.what, *entry.details))
        for entry in _history(stage, person)
    ]


def test_all_that_happened_stands_in_one_line_of_time(stage: Stage, anna: int) -> None:
    number = stage.newsletter_id
    fields.set_fields(stage.engine, number, fields.CITY)
    plan_mailing(stage.engine, stage.mail())
    with transaction(stage.engine) as session:
        draft = PersonDraft(name="Anna", values={"city": "Chiba"})
        edit_person(session, COMMAND_LINE, number, anna, draft)
        wishes = Wishes(
            name="Anne",
            language=Language.JAPANESE,
            html=True,
            newsletter_ids=frozenset({number}),
            weeks=2,
        )
        save_wishes(
            session,
            anna,
            wishes,
            newsletter_id=number,
            source="page",
            network="",
            mailing_id=None,
        )
        add_note(session, COMMAND_LINE, number, anna, "rang on Monday")
        session.add(
            BounceRow(
                event_id="b",
                source=BounceSource.SMTP,
                kind=BounceKind.SOFT,
                address="anna@example.jp",
                domain="example.jp",
                newsletter_id=number,
                subscriber_id=anna,
                status="4.2.2",
                reply="mailbox full",
                occurred_at=now(),
            )
        )
        unsubscribe_person(session, COMMAND_LINE, anna, newsletter_ids=[number], reason="asked")
        suppress_person(session, COMMAND_LINE, number, anna, reason="threats")
    found = _words(stage, anna)
    for part in (
        "Put on the list · test · test",
        "Edited · By: Command line",
        "Changed: ",
        "Preferences changed by the reader · By: Reader · Changed: Name and Pause",
        "Returned: Soft bounce · 4.2.2 mailbox full",
        "Unsubscribed by the staff",
        "Reason given: asked",
        "Address suppressed: By hand · threats",
        " – Queued",
        "rang on Monday",
    ):
        assert any(part in line for line in found), (part, found)
    assert [entry.at for entry in _history(stage, anna)] == sorted(
        (entry.at for entry in _history(stage, anna)), reverse=True
    )


def test_a_notice_is_called_by_what_it_asks_for_or_tells(stage: Stage) -> None:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    with transaction(stage.engine) as session:
        session.execute(
            update(MailingRow)
            .where(MailingRow.id == mailing)
            .values(kind=MailingKind.NOTICE, title="", notice="confirmation")
        )
    words = _words(stage, stage.subscriber_id("anna@example.jp"))
    assert "Mail: Confirm your subscription – Queued" in words


def test_who_was_imported_has_the_day_of_the_import_and_that_of_the_consent(stage: Stage) -> None:
    lines = [
        "email,state,consented_at\n",
        "old@example.jp,confirmed,2020-04-01T10:00+09:00\n",
        "new@example.jp,confirmed,\n",
    ]
    options = ImportOptions(source="fair.csv", basis="paper", digest="d" * 64)
    records = csv_records(lines, source="fair.csv")
    before = now()
    import_records(stage.engine, stage.newsletter_id, records, options)
    with transaction(stage.engine) as session:
        # Longer than it can be undone.
        session.execute(update(ListImportRow).values(started_at=before - timedelta(days=40)))
    forget_old_journals(stage.engine)
    for address, consent in (
        ("old@example.jp", " · Consent given: 1 Apr 2020, 10:00"),
        ("new@example.jp", ""),
    ):
        (entry,) = _history(stage, stage.subscriber_id(address))
        (words,) = _words(stage, stage.subscriber_id(address))
        assert words.startswith(f"Imported with a list · paper · fair.csv{consent}"), words
        assert bool(consent) is ("Consent given" in words)
        assert (before - entry.at).days == 40


def test_a_later_list_that_changed_somebody_stands_in_their_history_for_good(
    stage: Stage, anna: int
) -> None:
    stage.subscribe("ben@example.jp", "cleo@example.jp")
    ben, cleo = map(stage.subscriber_id, ("ben@example.jp", "cleo@example.jp"))
    lines = ["email,name,tags\n", "anna@example.jp,葵,\n", "ben@example.jp,,press\n"]
    lines.append("cleo@example.jp,,\n")
    options = ImportOptions(source="later.csv", basis="paper", digest="e" * 64, update=True)
    records = csv_records(lines, source="later.csv")
    import_records(stage.engine, stage.newsletter_id, records, options)
    for days in (0, 40):
        with transaction(stage.engine) as session:
            began = now() - timedelta(days=days)
            session.execute(update(ListImportRow).values(started_at=began))
        forget_old_journals(stage.engine)
        forget_old_journals(stage.engine)
        for number, times in ((anna, 1), (ben, 1), (cleo, 0)):
            told = [words for words in _words(stage, number) if "later.csv" in words]
            assert told == ["Changed by an imported list · later.csv"] * times
    with reading(stage.engine) as session:
        assert session.scalars(select(ImportChangeRow)).first() is None


def test_another_newsletters_history_is_its_own(stage: Stage, anna: int) -> None:
    draft = NewsletterDraft(slug="b", name="B", from_address="b@example.jp", postal_address="Tokyo")
    with transaction(stage.engine) as session:
        other = create_newsletter(session, draft).id
        session.add(
            SubscriptionRow(
                newsletter_id=other,
                subscriber_id=anna,
                state=SubscriptionState.CONFIRMED,
                consent_basis="x",
            )
        )
        session.flush()
        note = add_note(session, COMMAND_LINE, other, anna, "theirs alone")
        session.add(
            UnsubscribeEventRow(newsletter_id=other, subscriber_id=anna, way=UnsubscribeWay.PAGE)
        )
    assert _words(stage, anna) == ["Put on the list · test · test"]
    with transaction(stage.engine) as session:
        with pytest.raises(NotFoundError):
            change_note(session, COMMAND_LINE, stage.newsletter_id, note, "x", revision=1)
        with pytest.raises(NotFoundError):
            delete_note(session, COMMAND_LINE, stage.newsletter_id, note)


def test_what_a_reader_changes_stands_with_each_newsletter_where_it_is_new(
    stage: Stage, anna: int
) -> None:
    engine, number = stage.engine, stage.newsletter_id
    draft = NewsletterDraft(slug="b", name="B", from_address="b@example.jp", postal_address="Tokyo")
    with transaction(engine) as session:
        other = create_newsletter(session, draft).id
        session.add(
            SubscriptionRow(
                newsletter_id=other,
                subscriber_id=anna,
                state=SubscriptionState.CONFIRMED,
                consent_basis="x",
                name="Anne",
            )
        )
    offer(engine)
    wishes = Wishes(
        name="Anne",
        language=Language.JAPANESE,
        html=True,
        newsletter_ids=frozenset({number, other}),
        weeks=None,
        frequencies={number: (Frequency.EACH, Frequency.WEEKLY)},
    )
    for _ in range(2):
        with transaction(engine) as session:
            save_wishes(
                session,
                anna,
                wishes,
                newsletter_id=number,
                source="page",
                network="",
                mailing_id=None,
            )
    with transaction(engine) as session:
        pause(session, anna, weeks=4, newsletter_ids=[other])
    changed = "Preferences changed by the reader · By: Reader · Changed: "
    assert [line for line in _words(stage, anna) if line.startswith(changed)] == [
        changed + "Name and How often"
    ]
    own = replace(stage, newsletter_id=other)
    assert [line for line in _words(own, anna) if line.startswith(changed)] == [changed + "Pause"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_hold_every_entry_once_also_those_of_one_instant(
    stage: Stage, anna: int, limit: int
) -> None:
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    number = stage.newsletter_id
    with transaction(stage.engine) as session:
        for each in range(9):
            at = moment + timedelta(days=each // 4)
            session.add(
                ConsentRow(
                    newsletter_id=number,
                    subscriber_id=anna,
                    step=ConsentStep.REQUESTED,
                    language=Language.JAPANESE,
                    source=str(each),
                    occurred_at=at,
                )
            )
            session.add(
                NoteRow(
                    newsletter_id=number,
                    subscriber_id=anna,
                    text=str(each),
                    author="a",
                    written_at=at,
                )
            )
    whole = _history(stage, anna)
    assert len(whole) == 19
    assert all(one.mark > other.mark for one, other in pairwise(whole))
    assert _history(stage, anna, limit=limit) == whole


@pytest.mark.parametrize("text", ["", "x", "MjAyNi0xMQ", "あ", "MjAyNi0xMS0wMSAxIDE"])
def test_a_mark_that_nobody_wrote_is_none(text: str) -> None:
    assert HistoryPosition.decode(text) is None


def test_of_two_who_change_a_note_the_second_is_refused(stage: Stage, anna: int) -> None:
    number = stage.newsletter_id
    with transaction(stage.engine) as session:
        note = add_note(session, COMMAND_LINE, number, anna, "one")
    with transaction(stage.engine) as session:
        change_note(session, COMMAND_LINE, number, note, "two", revision=1)
    with transaction(stage.engine) as session, pytest.raises(ConflictError):
        change_note(session, COMMAND_LINE, number, note, "three", revision=1)
    with transaction(stage.engine) as session, pytest.raises(ConflictError):
        delete_note(session, COMMAND_LINE, number, note, revision=1)
    with reading(stage.engine) as session:
        assert [row.text for row in list_notes(session, number, anna)] == ["two"]


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2001])
def test_a_note_says_something_and_not_too_much(stage: Stage, anna: int, text: str) -> None:
    with transaction(stage.engine) as session, pytest.raises(ListError):
        add_note(session, COMMAND_LINE, stage.newsletter_id, anna, text)


def test_notes_are_shown_to_the_person_and_go_with_them(stage: Stage, anna: int) -> None:
    """Also from what is noted of others, their address goes."""
    number, ben = stage.newsletter_id, stage.subscriber_id("ben@example.jp")
    with transaction(stage.engine) as session:
        add_note(session, COMMAND_LINE, number, anna, "rang")
        add_note(session, COMMAND_LINE, number, ben, "husband of anna@example.jp")
        held = data_held(session, anna, Language.JAPANESE)
        assert [note["text"] for note in held["notes"]] == ["rang"]
        erase(session, anna, Pseudonyms([b"p" * 32]), way=UnsubscribeWay.PAGE)
        assert not list_notes(session, number, anna)
        assert [row.text for row in list_notes(session, number, ben)] == ["husband of [erased]"]
        with pytest.raises(NotFoundError):
            add_note(session, COMMAND_LINE, number, anna, "again")
