"""Comments on an issue's parts: who is told, once, and where a thread is when its part moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from newsletter.accounts.audit import COMMAND_LINE, Actor
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    ApprovalRow,
    AuditEventRow,
    DeliveryRow,
    IssueRow,
    MailingRow,
    RoleGrantRow,
    SubscriberRow,
)
from newsletter.database.vocabulary import Role
from newsletter.errors import ForbiddenError, ListError
from newsletter.issues.model import Paragraph, Quotation, Text, issue_from_json, issue_to_json
from newsletter.issues.outline import move_down, to_outline, with_outline
from newsletter.mailings.approvals.comments import (
    mail_comments,
    open_threads,
    parts_of,
    settle_thread,
    threads_of,
    write_comment,
)
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.notices import Post
from newsletter.mailings.approvals.requests import request_approval
from newsletter.mailings.approvals.state import people_of
from newsletter.mailings.orders.readiness import check_stored
from newsletter.mailings.planning.content import load_content
from newsletter.newsletters.publications import find_newsletter
from newsletter.rendering.slots import fill
from newsletter.settings import Settings
from tests.support.databases import on_one_database
from tests.support.stage import Stage

SETTINGS = Settings(_env_file=None)
POST = Post(templates_dir=SETTINGS.templates_dir, public_url="https://news.example.jp")
AT_ONCE = timedelta(0)


@pytest.fixture
def actors(stage: Stage) -> dict[str, Actor]:
    """An editor and two approvers, of whom the first was asked."""
    found = {}
    roles = {"葵": Role.EDITOR, "蓮": Role.APPROVER, "凪": Role.APPROVER}
    with transaction(stage.engine) as session:
        for number, (name, role) in enumerate(roles.items()):
            address = f"p{number}@example.jp"
            account = AccountRow(
                address=address, address_key=address, name=name, password_hash="unused"
            )
            session.add(account)
            session.flush()
            session.add(RoleGrantRow(account_id=account.id, role=role))
            found[name] = Actor(account_id=account.id, name=address)
    with transaction(stage.engine) as session:
        issue, newsletter = session.scalars(select(IssueRow)).one(), find_newsletter(session, None)
        rendered = check_stored(issue, newsletter, SETTINGS).rendered
        assert rendered is not None
        digest = content_digest(newsletter, rendered)
        asked = [found["蓮"].account_id or 0]
        request_approval(session, found["葵"], issue, rendered, digest, post=POST, asked=asked)
    return found


def _say(stage: Stage, actor: Actor, words: str, **more: object) -> int:
    with transaction(stage.engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        return write_comment(session, actor, issue, words, **more)  # type: ignore[arg-type]


def _told(stage: Stage) -> list[tuple[str, str]]:
    """Return who was mailed about comments, and what the mail says."""
    with reading(stage.engine) as session:
        rows = session.execute(
            select(SubscriberRow.address, MailingRow.id)
            .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
            .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
            .where(MailingRow.notice == "comments")
            .order_by(MailingRow.id)
        ).all()
        return [
            (address or "", fill(load_content(session, number).rendered.text, {}))
            for address, number in rows
        ]


@on_one_database("sqlite")
def test_several_comments_are_one_mail_to_each_concerned_and_none_to_their_author(
    stage: Stage, actors: dict[str, Actor]
) -> None:
    first = _say(stage, actors["蓮"], "導入の日付が違います。", anchor="c1")
    _say(stage, actors["蓮"], "写真の説明が必要です。")
    assert mail_comments(stage.engine, POST) == 0, "they may be saying more"
    assert mail_comments(stage.engine, POST, quiet=AT_ONCE) == 1
    ((address, text),) = _told(stage)
    assert address == "p0@example.jp"
    assert "導入の日付が違います。" in text
    assert "写真の説明が必要です。" in text
    assert "/send/review" in text

    _say(stage, actors["葵"], "直しました。", thread_id=first)
    mail_comments(stage.engine, POST, quiet=AT_ONCE)
    mail_comments(stage.engine, POST, quiet=AT_ONCE)
    assert [address for address, _ in _told(stage)] == ["p0@example.jp", "p1@example.jp"]


def test_whoever_lost_the_role_is_told_of_nothing_any_more(
    stage: Stage, actors: dict[str, Actor]
) -> None:
    _say(stage, actors["凪"], "写真の説明が必要です。")
    _say(stage, actors["葵"], "入れました。")
    with transaction(stage.engine) as session:
        lost = [actors["蓮"].account_id, actors["凪"].account_id]
        session.execute(delete(RoleGrantRow).where(RoleGrantRow.account_id.in_(lost)))
    mail_comments(stage.engine, POST, quiet=AT_ONCE)
    assert [address for address, _ in _told(stage)] == ["p0@example.jp"]


def test_an_answer_opens_a_settled_thread_again_and_the_log_has_it_all(
    stage: Stage, actors: dict[str, Actor]
) -> None:
    first = _say(stage, actors["蓮"], "直してください。", anchor="c1")
    with transaction(stage.engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        for _ in range(2):
            settle_thread(session, actors["葵"], issue, first, resolved=True)
        assert open_threads(session, issue.id) == 0
    _say(stage, actors["蓮"], "まだです。", thread_id=first)
    with reading(stage.engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        (thread,) = threads_of(session, issue.id, issue_from_json(issue.content))
        actions = session.scalars(
            select(AuditEventRow.action)
            .where(AuditEventRow.action.startswith("issue.comment"))
            .order_by(AuditEventRow.id)
        ).all()
    assert [comment.author for comment in thread.comments] == ["蓮", "蓮"]
    assert thread.resolved_at is None
    assert actions == ["issue.comment", "issue.comment-resolve", "issue.comment"]


@on_one_database("sqlite")
def test_a_thread_follows_its_part_and_says_when_it_is_gone(
    stage: Stage, actors: dict[str, Actor]
) -> None:
    with reading(stage.engine) as session:
        content = issue_from_json(session.scalars(select(IssueRow)).one().content)
    heading = parts_of(content)["c1"]
    _say(stage, actors["蓮"], "順番を変えませんか。", anchor="c1")
    moved, _ = move_down(to_outline(content), 0)
    with reading(stage.engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        (thread,) = threads_of(session, issue.id, with_outline(content, moved))
        assert parts_of(with_outline(content, moved))[thread.anchor] == heading
        assert thread.anchor != "c1"
        (gone,) = threads_of(session, issue.id, with_outline(content, ()))
        assert (gone.gone, gone.heading) == (True, heading)


@on_one_database("sqlite")
def test_a_thread_follows_its_block_when_others_come_before_it(
    stage: Stage, actors: dict[str, Actor]
) -> None:
    quotation = Quotation(blocks=(Paragraph(content=(Text(text="「ありがとう」と市民の声"),)),))
    with transaction(stage.engine) as session:
        row = session.scalars(select(IssueRow)).one()
        before = issue_from_json(row.content)
        content = replace(before, lead=(Paragraph(content=(Text(text="ご挨拶"),)), quotation))
        row.content = issue_to_json(content)
    assert parts_of(content)["lead-b2"] == "「ありがとう」と市民の声"
    _say(stage, actors["蓮"], "出典が要ります。", anchor="lead-b2")
    grown = replace(content, lead=(*content.lead[:1], *content.lead[:1], quotation))
    changed = replace(content, lead=(quotation,))
    with reading(stage.engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        (thread,) = threads_of(session, issue.id, grown)
        assert (thread.anchor, thread.gone) == ("lead-b3", False)
        (thread,) = threads_of(session, issue.id, changed)
        assert thread.anchor == "lead-b1"
        (thread,) = threads_of(session, issue.id, replace(content, lead=()))
        assert thread.gone


@on_one_database("sqlite")
def test_comments_need_words_a_part_that_is_there_and_a_person(
    stage: Stage, actors: dict[str, Actor]
) -> None:
    for words, anchor in (("  ", ""), ("長" * 4001, ""), ("よい", "c99")):
        with pytest.raises(ListError):
            _say(stage, actors["蓮"], words, anchor=anchor)
    with pytest.raises(ForbiddenError):
        _say(stage, COMMAND_LINE, "よい")


@on_one_database("sqlite")
def test_open_threads_are_those_of_one_issue(stage: Stage, actors: dict[str, Actor]) -> None:
    _say(stage, actors["蓮"], "日付を直してください")
    with reading(stage.engine) as session:
        issue = session.scalars(select(IssueRow.id)).one()
        assert [open_threads(session, issue), open_threads(session, issue + 1)] == [1, 0]


@pytest.mark.usefixtures("actors")
def test_those_with_a_part_in_an_approval_go_by_their_names(stage: Stage) -> None:
    with reading(stage.engine) as session:
        people = people_of(session, session.scalars(select(ApprovalRow)).one())
    assert set(people.values()) == {"葵", "蓮"}
