"""How far an issue has come, and what is next for whom: read from preflight, approval, mailings."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select, update

from newsletter.accounts.administration import disable_account, enable_account
from newsletter.accounts.audit import COMMAND_LINE, Actor
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.roles import rights_of
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    ApprovalRow,
    AuditEventRow,
    IssueRow,
    MailingRow,
    NewsletterRow,
    RoleGrantRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingState, Role
from newsletter.errors import ConflictError, ForbiddenError, ListError
from newsletter.i18n.language import Language
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.notices import Post
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.approvals.requests import (
    approve,
    request_approval,
    require_approval,
    send_back,
)
from newsletter.mailings.approvals.state import (
    approved_for,
    changes_since_asked,
    is_asked_for,
    returned_to,
    void_for,
)
from newsletter.mailings.ledger.schedule import Schedule, read_hour
from newsletter.mailings.orders.ordering import OrderReview, review_order
from newsletter.mailings.orders.progress import IssueProgress, NextStep, Stage, Viewer, standing_of
from newsletter.mailings.orders.readiness import check_stored
from newsletter.mailings.overview import IssueStatus, list_lines
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.rendering.preflight import Preflight
from newsletter.settings import Settings
from subscribers.segments.saved import save_segment, segment_text
from tests.support.databases import on_one_database
from tests.support.locks import await_lock
from tests.support.stage import Stage as Scene
from tests.support.stage import set_stage

SETTINGS = Settings(_env_file=None)
POST = Post(templates_dir=SETTINGS.templates_dir, public_url="https://news.example.jp")


@pytest.fixture
def scene(engine: Engine) -> Scene:
    return set_stage(engine)


@pytest.fixture
def people(scene: Scene) -> dict[str, int]:
    """An editor, two approvers and an operator, by name."""
    roles = {"葵": Role.EDITOR, "蓮": Role.APPROVER, "凪": Role.APPROVER, "湊": Role.OPERATOR}
    found = {}
    with transaction(scene.engine) as session:
        for number, (name, role) in enumerate(roles.items()):
            address = f"p{number}@example.jp"
            account = AccountRow(
                address=address, address_key=address, name=name, password_hash="unused"
            )
            session.add(account)
            session.flush()
            session.add(RoleGrantRow(account_id=account.id, role=role))
            found[name] = account.id
    return found


def _rule(scene: Scene) -> None:
    with transaction(scene.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))


def _checked(scene: Scene) -> tuple[IssueRow, Preflight, str]:
    with reading(scene.engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
    preflight = check_stored(issue, newsletter, SETTINGS)
    digest = content_digest(newsletter, preflight.rendered) if preflight.rendered else ""
    return issue, preflight, digest


def _require(scene: Scene) -> None:
    issue, _, digest = _checked(scene)
    with reading(scene.engine) as session:
        newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
        require_approval(session, newsletter, issue, digest)


def _standing(scene: Scene, account: int) -> IssueProgress:
    issue, preflight, _ = _checked(scene)
    with reading(scene.engine) as session:
        viewer = Viewer(account_id=account, rights=rights_of(session, account))
        newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
        return standing_of(session, newsletter, issue.id, preflight, viewer)


def _status(scene: Scene) -> IssueStatus:
    """Return what the list of issues says of it."""
    with reading(scene.engine) as session:
        newsletter = session.get_one(NewsletterRow, scene.newsletter_id)
        return list_lines(session, newsletter)[0].status


def _void(scene: Scene, account: int) -> int:
    """Return how many issues the first page names whose approval somebody has to ask for again."""
    with reading(scene.engine) as session:
        return len(void_for(session, account, [scene.newsletter_id]))


def _actor(account: int) -> Actor:
    return Actor(account_id=account, name="somebody@example.jp")


def _answer(scene: Scene, account: int, *, words: str = "") -> None:
    _, preflight, digest = _checked(scene)
    with transaction(scene.engine) as session:
        issue, actor = session.scalars(select(IssueRow)).one(), _actor(account)
        if words:
            send_back(session, actor, issue, preflight.rendered, digest, because=words, post=POST)
        else:
            approve(session, actor, issue, preflight.rendered, digest, post=POST)


def _ask(scene: Scene, account: int, *asked: int, plan: SendingPlan | None = None) -> None:
    _, preflight, digest = _checked(scene)
    with transaction(scene.engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        request_approval(
            session,
            _actor(account),
            issue,
            preflight.rendered,
            digest,
            post=POST,
            asked=asked,
            plan=plan,
        )


def _review(scene: Scene, segment: str) -> OrderReview:
    """Return what would be ordered for the people whom a saved segment asks for now."""
    issue, preflight, _ = _checked(scene)
    with reading(scene.engine) as session:
        newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
        plan = SendingPlan(segment=segment_text(session, newsletter.id, segment))
        figures = Figures(scene.engine)
        return review_order(session, newsletter, issue, preflight, plan, figures=figures)


@on_one_database("sqlite")
def test_an_order_for_a_segment_that_asks_for_others_since_the_approval_is_not_as_planned(
    scene: Scene, people: dict[str, int]
) -> None:
    for address in ("a@example.jp", "b@example.com"):
        scene.subscribe(address)
    with transaction(scene.engine) as session:
        save_segment(session, scene.newsletter_id, name="町内", query='domain = "example.jp"')
    _ask(scene, people["葵"], plan=SendingPlan(segment="町内"))
    _answer(scene, people["蓮"])
    assert not _review(scene, "町内").other_plan

    scene.redefine("町内", 'domain = "example.com"')
    assert _review(scene, "町内").other_plan


@on_one_database("sqlite")
def test_asked_again_for_a_segment_that_asks_for_others_since_the_approver_is_told_of_it(
    scene: Scene, people: dict[str, int]
) -> None:
    with transaction(scene.engine) as session:
        save_segment(session, scene.newsletter_id, name="町内", query='domain = "example.jp"')
    _ask(scene, people["葵"], plan=SendingPlan(segment="町内"))
    scene.redefine("町内", 'domain = "example.com"')
    with reading(scene.engine) as session:
        (change,) = changes_since_asked(session, session.scalars(select(ApprovalRow)).one())
    assert change.name.in_language(Language.ENGLISH) == "To whom"
    assert "example.com" in change.after.in_language(Language.ENGLISH)


def test_what_was_sent_back_is_shown_where_its_asker_may_still_see_it(
    scene: Scene, people: dict[str, int]
) -> None:
    _ask(scene, people["葵"])
    _answer(scene, people["蓮"], words="The date is wrong.")
    with reading(scene.engine) as session:
        newsletter = session.scalars(select(IssueRow.newsletter_id)).one()
        assert returned_to(session, people["葵"], [newsletter])
        assert not returned_to(session, people["葵"], [newsletter + 1])


@on_one_database("sqlite")
def test_without_the_rule_a_sound_issue_passes_no_approval(
    scene: Scene, people: dict[str, int]
) -> None:
    standing = _standing(scene, people["葵"])
    assert standing.skipped == {Stage.APPROVED}
    assert (standing.stage, standing.step, standing.may) == (Stage.CHECKED, NextStep.SEND, True)
    others = _standing(scene, people["蓮"])
    assert (others.step, others.may, others.who) == (NextStep.SEND, False, ("葵",))


@on_one_database("sqlite")
def test_an_issue_with_an_error_stays_a_draft(scene: Scene, people: dict[str, int]) -> None:
    with transaction(scene.engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        issue.content = issue.content | {"title": ""}
    standing = _standing(scene, people["葵"])
    assert (standing.stage, standing.step) == (Stage.DRAFT, NextStep.MEND)
    assert standing.errors > 0


@on_one_database("sqlite")
def test_approval_is_asked_answered_and_void_once_the_content_changes(
    scene: Scene, people: dict[str, int]
) -> None:
    _rule(scene)
    assert _standing(scene, people["葵"]).step is NextStep.ASK

    _ask(scene, people["葵"], people["凪"])
    editors = _standing(scene, people["葵"])
    assert (editors.step, editors.may, editors.who) == (NextStep.APPROVE, False, ("凪",))
    assert editors.stage is Stage.WAITING
    assert Stage.APPROVED not in editors.stages
    assert _status(scene) is IssueStatus.WAITING
    assert not _standing(scene, people["蓮"]).may
    assert _standing(scene, people["凪"]).may

    _answer(scene, people["凪"], words="日付を直してください。")
    returned = _standing(scene, people["葵"])
    assert returned.step is NextStep.ASK
    assert returned.returned is not None
    assert (returned.stage, returned.lapsed) == (Stage.CHECKED, None)
    assert _status(scene) is IssueStatus.RETURNED

    _ask(scene, people["葵"])
    assert _standing(scene, people["葵"]).stage is Stage.WAITING
    _answer(scene, people["蓮"])
    approved = _standing(scene, people["葵"])
    assert (approved.stage, approved.step) == (Stage.APPROVED, NextStep.SEND)
    assert (approved.lapsed, _status(scene)) == (None, IssueStatus.APPROVED)

    with transaction(scene.engine) as session:
        issue = session.scalars(select(IssueRow)).one()
        issue.content = issue.content | {"title": "別の件名"}
        issue.version += 1
    changed = _standing(scene, people["葵"])
    assert (changed.stage, changed.approval) == (Stage.CHECKED, None)
    assert changed.lapsed is not None
    assert changed.lapsed.approved_by == people["蓮"]
    assert _status(scene) is IssueStatus.DRAFT


def _recorded(scene: Scene, action: Action) -> int:
    with reading(scene.engine) as session:
        written = select(func.count()).where(AuditEventRow.action == action)
        return session.scalar(written) or 0


@on_one_database("sqlite")
def test_asking_twice_is_asking_once_unless_others_are_asked(
    scene: Scene, people: dict[str, int]
) -> None:
    for asked, times in (((), 1), ((), 1), ((people["凪"],), 2), ((people["凪"],), 2)):
        _ask(scene, people["葵"], *asked)
        assert _recorded(scene, Action.ISSUE_APPROVAL_REQUESTED) == times
    _ask(scene, people["葵"], people["凪"], plan=SendingPlan())
    assert _recorded(scene, Action.ISSUE_APPROVAL_REQUESTED) == 3
    _answer(scene, people["凪"])
    _ask(scene, people["葵"])
    assert _recorded(scene, Action.ISSUE_APPROVAL_REQUESTED) == 3
    assert _standing(scene, people["葵"]).approval_state == "approved"


@on_one_database("sqlite")
@pytest.mark.parametrize("asked", ["湊", "蓮"])
def test_nobody_is_asked_who_may_not_approve_or_asks_themselves(
    scene: Scene, people: dict[str, int], asked: str
) -> None:
    with pytest.raises(ListError, match="cannot approve"):
        _ask(scene, people["蓮"], people["凪"], people[asked])


@pytest.mark.parametrize("title", ["", "別の件名"])
def test_another_plan_is_told_whether_the_content_is_another_or_not(
    scene: Scene, people: dict[str, int], title: str
) -> None:
    _ask(scene, people["葵"], plan=SendingPlan())
    if title:
        with transaction(scene.engine) as session:
            issue = session.scalars(select(IssueRow)).one()
            issue.content = issue.content | {"title": title}
            issue.version += 1
    _ask(scene, people["葵"], plan=SendingPlan(urgent=True))
    with reading(scene.engine) as session:
        newest = session.scalars(select(ApprovalRow).order_by(ApprovalRow.id.desc())).first()
        assert newest is not None
        assert len(changes_since_asked(session, newest)) == 1


@on_one_database("sqlite")
def test_what_is_asked_of_whoever_can_waits_where_nobody_can(
    scene: Scene, people: dict[str, int]
) -> None:
    _rule(scene)
    _ask(scene, people["葵"])
    with transaction(scene.engine) as session:
        for name in ("蓮", "凪"):
            disable_account(session, COMMAND_LINE, people[name])
    waiting = _standing(scene, people["葵"])
    assert (waiting.deserted, waiting.step) == (False, NextStep.APPROVE)


def test_whoever_asked_does_not_answer_and_what_is_approved_is_not_sent_back(
    scene: Scene, people: dict[str, int]
) -> None:
    with pytest.raises(ConflictError, match="has changed since approval was requested"):
        _answer(scene, people["凪"])
    with transaction(scene.engine) as session:
        session.add(RoleGrantRow(account_id=people["蓮"], role=Role.EDITOR))
    _ask(scene, people["蓮"])
    with reading(scene.engine) as session:
        assert is_asked_for(session, session.scalars(select(IssueRow.id)).one())
    with pytest.raises(ForbiddenError, match="other than the person"):
        _answer(scene, people["蓮"])
    for words in (" \r\n ", "x" * 2001):
        with pytest.raises(ListError, match="at most"):
            _answer(scene, people["凪"], words=words)
    for _ in range(2):
        _answer(scene, people["凪"])
    assert _recorded(scene, Action.ISSUE_APPROVED) == 1
    with pytest.raises(ConflictError, match="already approved"):
        _answer(scene, people["凪"], words="x" * 2000)
    with reading(scene.engine) as session:
        assert not is_asked_for(session, session.scalars(select(IssueRow.id)).one())


def test_an_approval_lapses_with_the_account_that_gave_it(
    scene: Scene, people: dict[str, int]
) -> None:
    _rule(scene)
    _ask(scene, people["葵"])
    _answer(scene, people["蓮"])
    _require(scene)
    with transaction(scene.engine) as session:
        disable_account(session, COMMAND_LINE, people["蓮"])
    void = _standing(scene, people["葵"])
    assert (void.stage, void.step, void.approval_state) == (Stage.CHECKED, NextStep.ASK, "void")
    assert _status(scene) is IssueStatus.DRAFT
    with pytest.raises(ConflictError, match="disabled since"):
        _require(scene)
    with pytest.raises(ConflictError, match="disabled since"):
        _answer(scene, people["凪"])
    with reading(scene.engine) as session:
        assert not approved_for(session, people["葵"], [scene.newsletter_id])
    assert (_void(scene, people["葵"]), _void(scene, people["凪"])) == (1, 0)

    _ask(scene, people["葵"])
    assert _standing(scene, people["葵"]).step is NextStep.APPROVE
    with transaction(scene.engine) as session:
        enable_account(session, COMMAND_LINE, people["蓮"])
    with pytest.raises(ConflictError, match="not been approved"):
        _require(scene)
    _answer(scene, people["凪"])
    _require(scene)


@on_one_database("sqlite")
def test_what_was_sent_needs_no_approval_again(scene: Scene, people: dict[str, int]) -> None:
    _rule(scene)
    _ask(scene, people["葵"])
    _answer(scene, people["蓮"])
    with transaction(scene.engine) as session:
        disable_account(session, COMMAND_LINE, people["蓮"])
    assert _void(scene, people["葵"]) == 1
    scene.mail()
    assert _void(scene, people["葵"]) == 0


@on_one_database("sqlite")
def test_what_nobody_of_those_asked_can_approve_any_more_is_asked_of_others(
    scene: Scene, people: dict[str, int]
) -> None:
    _rule(scene)
    _ask(scene, people["葵"], people["蓮"])
    assert not _standing(scene, people["葵"]).deserted
    with transaction(scene.engine) as session:
        disable_account(session, COMMAND_LINE, people["蓮"])
    deserted = _standing(scene, people["葵"])
    assert (deserted.deserted, deserted.stage) == (True, Stage.CHECKED)
    assert (deserted.step, deserted.may) == (NextStep.ASK, True)
    assert _status(scene) is IssueStatus.DRAFT
    assert _void(scene, people["葵"]) == 1

    _ask(scene, people["葵"], people["凪"])
    asked = _standing(scene, people["葵"])
    assert (asked.deserted, asked.step, asked.who) == (False, NextStep.APPROVE, ("凪",))
    assert _status(scene) is IssueStatus.WAITING
    assert _void(scene, people["葵"]) == 0


def _while_asked(scene: Scene, work: Callable[[], None], *asked: int, by: int) -> None:
    """Run work while approval is asked for anew; it waits until that is done."""
    issue, preflight, digest = _checked(scene)
    with ThreadPoolExecutor(1) as thread:
        with transaction(scene.engine) as session:
            request_approval(
                session, _actor(by), issue, preflight.rendered, digest, post=POST, asked=asked
            )
            session.flush()
            running = thread.submit(work)
            await_lock(scene.engine, running)
        running.result(timeout=60)


@on_one_database("postgresql")
def test_who_is_not_asked_any_more_since_a_moment_cannot_approve(
    scene: Scene, people: dict[str, int]
) -> None:
    _rule(scene)
    _ask(scene, people["葵"])
    with pytest.raises(ForbiddenError, match="somebody else"):
        _while_asked(scene, lambda: _answer(scene, people["蓮"]), people["凪"], by=people["葵"])
    assert _standing(scene, people["凪"]).approval_state == "waiting"


@on_one_database("postgresql")
def test_an_approval_that_is_given_at_this_moment_is_not_asked_away(
    scene: Scene, people: dict[str, int]
) -> None:
    _rule(scene)
    _ask(scene, people["葵"])
    _, preflight, digest = _checked(scene)
    with ThreadPoolExecutor(1) as thread:
        with transaction(scene.engine) as session:
            issue = session.scalars(select(IssueRow)).one()
            approve(session, _actor(people["蓮"]), issue, preflight.rendered, digest, post=POST)
            session.flush()
            running = thread.submit(_ask, scene, people["葵"], people["凪"])
            await_lock(scene.engine, running)
        running.result(timeout=60)
    _require(scene)


@on_one_database("sqlite")
def test_whoever_asked_is_named_for_what_comes_next_before_other_editors(
    scene: Scene, people: dict[str, int]
) -> None:
    _rule(scene)
    with transaction(scene.engine) as session:
        chief = AccountRow(address="c@x.jp", address_key="c@x.jp", name="栞", password_hash="-")
        session.add(chief)
        session.flush()
        session.add(RoleGrantRow(account_id=chief.id, role=Role.ADMINISTRATOR))
    _ask(scene, chief.id)

    _answer(scene, people["蓮"], words="日付を直してください。")
    assert _standing(scene, people["蓮"]).who == ("栞",)

    _ask(scene, chief.id)
    _answer(scene, people["蓮"])
    assert _standing(scene, people["蓮"]).who == ("栞",)
    with transaction(scene.engine) as session:
        session.get_one(AccountRow, chief.id).disabled_at = now()
    assert _standing(scene, people["蓮"]).who == ("葵",)


_BY_MAILING = (
    (MailingState.SCHEDULED, Stage.SCHEDULED, NextStep.WATCH),
    (MailingState.PLANNING, Stage.SENDING, NextStep.WATCH),
    (MailingState.SENDING, Stage.SENDING, NextStep.WATCH),
    (MailingState.PAUSED, Stage.SCHEDULED, NextStep.WATCH),
    (MailingState.FINISHED, Stage.SENT, NextStep.DUPLICATE),
)


@on_one_database("sqlite")
def test_a_mailing_says_how_far_its_issue_is(scene: Scene, people: dict[str, int]) -> None:
    scene.mail(schedule=Schedule(hour=read_hour("2999-01-01T08:00")))
    for state, stage, step in _BY_MAILING:
        with transaction(scene.engine) as session:
            session.execute(update(MailingRow).values(state=state))
        standing = _standing(scene, people["葵"])
        assert (standing.stage, standing.step) == (stage, step)
        assert _standing(scene, people["湊"]).may is (step is NextStep.WATCH)


def test_what_is_sent_at_once_is_not_scheduled_and_what_was_cancelled_before_it_began_is_a_draft(
    scene: Scene, people: dict[str, int]
) -> None:
    scene.mail()
    with transaction(scene.engine) as session:
        session.execute(update(MailingRow).values(state=MailingState.SENDING, started_at=now()))
    assert Stage.SCHEDULED not in _standing(scene, people["葵"]).stages
    with transaction(scene.engine) as session:
        session.execute(update(MailingRow).values(state=MailingState.CANCELLED, started_at=None))
    assert _standing(scene, people["葵"]).stage is Stage.CHECKED
