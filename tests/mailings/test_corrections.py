"""Corrections: what is still to be sent is corrected, what was sent stays, and both are known."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Engine, func, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    CorrectionRow,
    DeliveryRow,
    DraftRevisionRow,
    DraftRow,
    IssueRow,
    MailingLinkRow,
    MailingRow,
    NewsletterRow,
)
from newsletter.database.vocabulary import DeliveryState, MailingKind, RevisionKind
from newsletter.errors import ConflictError, NewsletterError
from newsletter.issues.corrections import written_correction
from newsletter.issues.drafts.publishing import delete_draft
from newsletter.issues.drafts.saving import open_issue, save_draft
from newsletter.issues.model import Anchor, Conditional, Issue, Paragraph, Text
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import find_issue, list_issues, save_issue
from newsletter.mailings.corrections.copies import count_copies, somebody_lacks
from newsletter.mailings.corrections.effect import require_readied
from newsletter.mailings.corrections.mail import (
    CorrectionMail,
    compose_correction_mail,
    send_correction_mail,
)
from newsletter.mailings.corrections.notes import keep_note
from newsletter.mailings.ledger import leases as ledger
from newsletter.mailings.ledger.schedule import Schedule
from newsletter.mailings.ledger.settlement import settle_uncertain
from newsletter.mailings.ledger.standing import standing
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.rendering.slots import fill
from tests.support.corrections import (
    NOTE,
    SETTINGS,
    correct,
    take_effect,
    titled,
    write_correction,
)
from tests.support.databases import on_one_database
from tests.support.ledger import all_of, claim, record
from tests.support.stage import Stage, set_stage

State = DeliveryState
WRONG, RIGHT = "誤った題名", "正しい題名"


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(
        engine, f"---\ntitle: {WRONG}\ndate: 2026-12-01\n---\n\n本文\n".encode(), readers=4
    )


@pytest.fixture
def mailing(stage: Stage) -> int:
    """A mailing of two batches."""
    planned = stage.mail(batch_size=2)
    plan_mailing(stage.engine, planned)
    return planned


def _issue(stage: Stage) -> IssueRow:
    with reading(stage.engine) as session:
        return find_issue(session, stage.newsletter_id, stage.issue)


def _subject(stage: Stage, mailing: int, *, correction: int | None = None, variant: int = 0) -> str:
    with reading(stage.engine) as session:
        content = load_content(session, mailing, variant, correction=correction)
        return fill(content.rendered.subject, {})


def _copies(stage: Stage) -> tuple[dict[int, int], int]:
    with reading(stage.engine) as session:
        counted = count_copies(session, _issue(stage).id)
    return dict(counted.by_correction), counted.waiting


class TestWhatIsSent:
    def test_a_batch_claimed_afterwards_has_the_corrected_content(
        self, stage: Stage, mailing: int
    ) -> None:
        early = claim(stage.engine, mailing, "early")
        correct(stage, titled(RIGHT))
        late = claim(stage.engine, mailing, "late", 2)

        # What was claimed before goes on with what it began with, also where it reaches for more.
        assert (early.correction, late.correction) == (0, 1)
        positions = [each.position for each in early.deliveries]
        standing(stage.engine, early, positions)
        for claimed, token in ((early, "early"), (late, "late")):
            record(stage.engine, mailing, token, *all_of(claimed, State.ACCEPTED))
        assert _copies(stage) == ({0: 2, 1: 2}, 0)
        assert _subject(stage, mailing) == RIGHT
        assert _subject(stage, mailing, correction=0) == WRONG

    def test_what_was_refused_for_now_gets_it_and_what_may_have_arrived_is_remembered(
        self, stage: Stage, mailing: int
    ) -> None:
        claimed = claim(stage.engine, mailing, "first")
        outcomes = [*all_of(claimed, State.UNCERTAIN)]
        outcomes[0] = replace(outcomes[0], state=State.DEFERRED)
        record(stage.engine, mailing, "first", *outcomes)
        ledger.close_batch(stage.engine, claimed, records=1)
        correct(stage, titled(RIGHT))
        assert _copies(stage) == ({0: 1}, 3)

        with transaction(stage.engine) as session:
            settle_uncertain(session, mailing, resend=True)
        again = claim(stage.engine, mailing, "again")
        record(stage.engine, mailing, "again", *all_of(again, State.ACCEPTED))
        with reading(stage.engine) as session:
            known = session.execute(
                select(DeliveryRow.correction, DeliveryRow.doubted).where(
                    DeliveryRow.position == again.deliveries[0].position
                )
            ).one()
        assert tuple(known) == (1, 0)

    @pytest.mark.usefixtures("mailing")
    def test_a_mailing_that_has_not_begun_sends_the_corrected_content_alone(
        self, stage: Stage
    ) -> None:
        later = stage.mail(schedule=Schedule())
        correct(stage, titled(RIGHT))
        assert _subject(stage, later, correction=1) == RIGHT
        with pytest.raises(NewsletterError):
            _subject(stage, later, correction=0)
        plan_mailing(stage.engine, later)
        assert claim(stage.engine, later, "later").correction == 1

    @on_one_database("sqlite")
    @pytest.mark.usefixtures("mailing")
    def test_a_mailing_made_afterwards_knows_what_it_contains(self, stage: Stage) -> None:
        correct(stage, titled(RIGHT))
        later = stage.mail()
        assert _subject(stage, later) == RIGHT
        with reading(stage.engine) as session:
            assert session.get_one(MailingRow, later).correction == 1

    def test_parts_for_some_readers_stay_theirs(self, stage: Stage) -> None:
        def for_some(words: str) -> Paragraph:
            return Paragraph(content=(Text(text=words),))

        part = ':::for domain = "example.com"\n英国の方へ\n:::\n'
        source = f"---\ntitle: {WRONG}\ndate: 2026-12-02\n---\n\n共通\n\n{part}"
        other = set_stage_issue(stage, source)
        other.subscribe("reader@example.com")
        mailing = other.mail()
        plan_mailing(stage.engine, mailing)

        def change(issue: Issue) -> Issue:
            common, block = issue.lead
            assert isinstance(block, Conditional)
            return replace(issue, lead=(common, replace(block, blocks=(for_some("訂正後"),))))

        correct(other, change)
        with reading(stage.engine) as session:
            texts = [
                fill(load_content(session, mailing, variant, correction=at).rendered.text, {})
                for at in (0, 1)
                for variant in (0, 1)
            ]
        assert [("英国" in text, "訂正後" in text) for text in texts] == [
            (False, False),
            (True, False),
            (False, False),
            (False, True),
        ]

        def add(issue: Issue) -> Issue:
            more = Conditional(condition='domain = "example.org"', blocks=(for_some("新"),))
            return replace(issue, lead=(*issue.lead, more))

        write_correction(other, add)
        with pytest.raises(ConflictError, match=r"example\.org"):
            take_effect(other)

    def test_links_of_copies_sent_before_lead_where_they_led(self, stage: Stage) -> None:
        with transaction(stage.engine) as session:
            session.get_one(NewsletterRow, stage.newsletter_id).count_clicks = True
        source = f"---\ntitle: {WRONG}\ndate: 2026-12-02\n---\n\n[誤](https://wrong.example.jp/)\n"
        other = set_stage_issue(stage, source)
        mailing = other.mail()
        plan_mailing(stage.engine, mailing)

        def change(issue: Issue) -> Issue:
            right = Anchor(url="https://right.example.jp/", content=(Text(text="正"),))
            return replace(issue, lead=(Paragraph(content=(right,)),))

        correct(other, change)
        with reading(stage.engine) as session:
            query = select(MailingLinkRow.url).order_by(MailingLinkRow.number)
            urls = list(session.scalars(query.where(MailingLinkRow.mailing_id == mailing)))
            content = load_content(session, mailing)
        assert urls.index("https://wrong.example.jp/") < urls.index("https://right.example.jp/")
        assert content.links == tuple(urls)


def set_stage_issue(stage: Stage, source: str) -> Stage:
    """Return the stage with another issue, imported as it stands."""
    with transaction(stage.engine) as session:
        row = save_issue(session, stage.newsletter_id, read_issue(source.encode(), source="issue"))
        return replace(stage, issue=row.slug)


class TestTheIssue:
    @pytest.mark.usefixtures("mailing")
    def test_it_says_what_is_right_and_keeps_what_it_said(self, stage: Stage) -> None:
        with transaction(stage.engine) as session:
            draft = open_issue(session, stage.newsletter_id, stage.issue, author="葵")
        correct(stage, titled(RIGHT), note="題名を直しました。")
        issue = _issue(stage)
        assert (issue.title, issue.slug) == (RIGHT, stage.issue)
        with reading(stage.engine) as session:
            kept = session.scalars(select(CorrectionRow)).one()
            assert (kept.number, kept.note) == (1, "題名を直しました。")
            assert (kept.before or {})["title"] == WRONG
            revisions = session.scalars(
                select(DraftRevisionRow.kind).where(DraftRevisionRow.draft_id == draft.id)
            ).all()
            assert revisions[-1] is RevisionKind.CORRECTED
            assert session.get_one(DraftRow, draft.id).content == issue.content
            entry = session.scalars(
                select(AuditEventRow).where(AuditEventRow.action == Action.ISSUE_CORRECT)
            ).one()
        assert "題名を直しました。" in str(entry.details)

    @pytest.mark.usefixtures("mailing")
    def test_nothing_of_the_draft_remains_once_it_takes_effect(self, stage: Stage) -> None:
        write_correction(stage, titled(RIGHT))
        with reading(stage.engine) as session:
            assert [row.slug for row in list_issues(session, stage.newsletter_id)] == [stage.issue]
        take_effect(stage)
        with reading(stage.engine) as session:
            assert session.scalar(select(func.count()).select_from(IssueRow)) == 1
            assert session.scalar(select(func.count()).select_from(DraftRow)) == 0

    @on_one_database("sqlite")
    def test_several_corrections_are_counted(self, stage: Stage, mailing: int) -> None:
        first = claim(stage.engine, mailing, "first")
        record(stage.engine, mailing, "first", *all_of(first, State.ACCEPTED))
        assert correct(stage, titled("二つ目")) == 1
        second = claim(stage.engine, mailing, "second", 2)
        record(stage.engine, mailing, "second", *all_of(second, State.ACCEPTED))
        assert correct(stage, titled("三つ目")) == 2
        assert _copies(stage) == ({0: 2, 1: 2}, 0)
        titles = ("二つ目", WRONG)
        assert tuple(_subject(stage, mailing, correction=at) for at in (1, 0)) == titles


class TestWhatIsRefused:
    def test_an_issue_nobody_received_has_nothing_to_correct(self, stage: Stage) -> None:
        with pytest.raises(ConflictError, match="not sent yet"):
            write_correction(stage, titled(RIGHT))

    @on_one_database("sqlite")
    @pytest.mark.usefixtures("mailing")
    def test_a_correction_is_not_sent_by_itself(self, stage: Stage) -> None:
        write_correction(stage, titled(RIGHT))
        with reading(stage.engine) as session:
            slug = require_readied(session, _issue(stage).id).slug
        with pytest.raises(ConflictError, match="not sent by itself"):
            replace(stage, issue=slug).mail()

    @on_one_database("sqlite")
    @pytest.mark.parametrize("note", ["", " \n"])
    @pytest.mark.usefixtures("mailing")
    def test_readers_are_told_what_was_wrong(self, stage: Stage, note: str) -> None:
        with pytest.raises(ConflictError, match="note"):
            write_correction(stage, titled(RIGHT), note=note)

    @on_one_database("sqlite")
    @pytest.mark.usefixtures("mailing")
    def test_something_has_to_change(self, stage: Stage) -> None:
        write_correction(stage, titled(WRONG))
        with pytest.raises(ConflictError, match="changes nothing"):
            take_effect(stage)

    @on_one_database("sqlite")
    @pytest.mark.usefixtures("mailing")
    def test_what_was_typed_since_is_not_lost(self, stage: Stage) -> None:
        draft = write_correction(stage, titled(RIGHT))
        with transaction(stage.engine) as session:
            save_draft(session, draft, replace(draft.issue, preheader="新しい"), author="葵")
        with pytest.raises(ConflictError, match="has changed"):
            take_effect(stage)

    @on_one_database("sqlite")
    @pytest.mark.usefixtures("mailing")
    def test_another_note_needs_another_approval(self, stage: Stage) -> None:
        write_correction(stage, titled(RIGHT))
        with transaction(stage.engine) as session:
            session.get_one(NewsletterRow, stage.newsletter_id).approval_required = True
        with pytest.raises(ConflictError, match="has not been approved"):
            take_effect(stage)

    @pytest.mark.usefixtures("mailing")
    def test_a_draft_deleted_takes_its_correction_along(self, stage: Stage) -> None:
        draft = write_correction(stage, titled(RIGHT))
        with transaction(stage.engine) as session:
            delete_draft(session, draft)
        with reading(stage.engine) as session:
            assert session.scalar(select(func.count()).select_from(IssueRow)) == 1
            assert written_correction(session, _issue(stage).id) is None
        assert correct(stage, titled(RIGHT)) == 1


@pytest.mark.usefixtures("mailing")
def test_of_two_at_once_one_takes_effect(stage: Stage) -> None:
    write_correction(stage, titled(RIGHT))
    ends: list[str] = []

    def act() -> None:
        try:
            ends.append(str(take_effect(stage)))
        except ConflictError:
            ends.append("late")

    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["1", "late"]
    with reading(stage.engine) as session:
        assert session.scalar(select(func.count()).select_from(CorrectionRow)) == 1


@on_one_database("sqlite")
@pytest.mark.usefixtures("mailing")
def test_a_note_that_is_too_long_is_refused(stage: Stage) -> None:
    write_correction(stage, titled(RIGHT))
    with pytest.raises(NewsletterError, match="characters"), transaction(stage.engine) as session:
        keep_note(session, _issue(stage).id, "長" * 1001)


class TestMailAboutIt:
    """What is mailed about a correction, and to whom."""

    @pytest.fixture
    def faulty(self, stage: Stage, mailing: int) -> list[int]:
        """Those who got the issue before it was corrected; a batch is still to be sent."""
        claimed = claim(stage.engine, mailing, "early")
        record(stage.engine, mailing, "early", *all_of(claimed, State.ACCEPTED))
        ledger.close_batch(stage.engine, claimed, records=1)
        correct(stage, titled(RIGHT))
        return sorted(each.subscriber_id for each in claimed.deliveries)

    def test_it_goes_once_to_those_alone_whose_copy_lacks_the_correction(
        self, stage: Stage, faulty: list[int]
    ) -> None:
        mail = _mail(stage)
        assert mail.people == 2
        number = _send(stage, mail)
        plan_mailing(stage.engine, number)

        with reading(stage.engine) as session:
            recipients = select(DeliveryRow.subscriber_id).where(DeliveryRow.mailing_id == number)
            assert sorted(session.scalars(recipients)) == faulty
            text = fill(load_content(session, number).rendered.text, {})
        assert _subject(stage, number) == f"【訂正】{RIGHT}"
        assert NOTE in text
        with pytest.raises(ConflictError, match="mailed already"):
            _mail(stage)

    @pytest.mark.usefixtures("faulty")
    def test_ordered_twice_at_once_it_is_one_mailing(self, stage: Stage) -> None:
        mail = _mail(stage)

        def order() -> bool:
            try:
                return bool(_send(stage, mail))
            except ConflictError:
                return False

        with ThreadPoolExecutor(2) as threads:
            ends = [each.result() for each in [threads.submit(order), threads.submit(order)]]
        assert sorted(ends) == [False, True]
        with reading(stage.engine) as session:
            of_kind = MailingRow.kind == MailingKind.CORRECTION
            assert session.scalar(select(func.count()).where(of_kind)) == 1

    @on_one_database("sqlite")
    def test_a_copy_in_doubt_counts_though_the_corrected_one_followed(
        self, stage: Stage, mailing: int
    ) -> None:
        doubted = claim(stage.engine, mailing, "first")
        record(stage.engine, mailing, "first", *all_of(doubted, State.UNCERTAIN))
        ledger.close_batch(stage.engine, doubted, records=1)
        correct(stage, titled(RIGHT))
        with transaction(stage.engine) as session:
            settle_uncertain(session, mailing, resend=True)
        again = claim(stage.engine, mailing, "again")
        record(stage.engine, mailing, "again", *all_of(again, State.ACCEPTED))
        with reading(stage.engine) as session:
            assert somebody_lacks(session, _issue(stage).id, 1)
        assert _mail(stage).people == 2

    @pytest.mark.usefixtures("mailing")
    def test_where_nobody_has_a_faulty_copy_there_is_nothing_to_mail(self, stage: Stage) -> None:
        correct(stage, titled(RIGHT))
        with reading(stage.engine) as session:
            assert not somebody_lacks(session, _issue(stage).id, 1)
        with pytest.raises(ConflictError, match="without this correction"):
            _mail(stage)


def _mail(stage: Stage, number: int = 1) -> CorrectionMail:
    with reading(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        return compose_correction_mail(session, newsletter, _issue(stage), number, SETTINGS)


def _send(stage: Stage, mail: CorrectionMail) -> int:
    return send_correction_mail(
        stage.engine, COMMAND_LINE, _issue(stage), mail, mail.digest, batch_size=50
    )
