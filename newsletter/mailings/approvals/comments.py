"""Comments on parts of an issue: threads that are open or resolved, and mail about them.

A thread stores the anchor of its part and also the part's heading. Anchors are numbered, so they
change when parts are moved; the part is then found by its heading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    ApprovalRow,
    DraftRow,
    IssueCommentRow,
    IssueRow,
)
from newsletter.database.types import now
from newsletter.errors import SEE_ANEW, ForbiddenError, ListError, NotFoundError
from newsletter.i18n.formats import format_list
from newsletter.i18n.messages import msg
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.walking import first_words, walk_parts
from newsletter.mailings.approvals.notices import ApprovalNews, Post, tell_by_mail
from newsletter.mailings.approvals.state import approvers
from newsletter.newsletters.issue_actions import record_on_issue
from newsletter.rendering.notices import NoticeTemplate

#: The anchor of the text before the first chapter.
LEAD = "lead"
#: The separator between a part's anchor and the number of a block in it.
_BLOCK = "-b"
#: The number of first characters by which a block is named and found again.
_FIRST_WORDS = 60
_LONGEST = 4000
#: Comments on an issue are mailed together: this long after the last one, but not later than the
#: second time after the first one.
_QUIET = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewComment:
    """A comment, with its author and time."""

    id: int
    author_id: int
    author: str
    words: str
    written_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Thread:
    """A comment with its replies.

    Attributes:
        anchor: The part's present anchor; empty for the whole issue, or if the part was removed.
        heading: The part's heading when the thread began; empty for the whole issue.
        gone: Whether the part was removed.
        resolver: The person who resolved the thread; empty while it is open.
    """

    id: int
    anchor: str
    heading: str
    gone: bool
    comments: tuple[ReviewComment, ...]
    resolved_at: datetime | None
    resolver: str


def parts_of(issue: Issue) -> dict[str, str]:
    """Return the parts and blocks that can be commented on: their names by anchor, in order.

    The name of a part is its heading, that of the lead is empty, and that of a block its first
    words, by which it is found again after other blocks were inserted before it.
    """
    known: dict[str, str] = {}
    for part in walk_parts(issue):
        anchor = part.place.anchor or LEAD
        if anchor == LEAD and not part.body:
            continue
        known[anchor] = part.place.heading
        for number, block in enumerate(part.body, start=1):
            if begins := first_words(block, most=_FIRST_WORDS):
                known[f"{anchor}{_BLOCK}{number}"] = begins
    return known


def part_of(anchor: str) -> str:
    """Return the anchor of the part that contains a block; for a part, its own anchor."""
    return anchor.partition(_BLOCK)[0]


def write_comment(
    session: Session,
    actor: Actor,
    issue: IssueRow,
    words: str,
    *,
    anchor: str = "",
    thread_id: int | None = None,
) -> int:
    """Comment on a part of an issue, or reply in a thread, which opens it again; return the thread.

    Args:
        session: The database session, in a transaction.
        actor: The author.
        issue: The issue.
        words: The text.
        anchor: The anchor of the part; empty for the whole issue. Ignored for a reply.
        thread_id: The thread to reply to; None for a new one.

    Raises:
        ForbiddenError: The actor is a command without an account, to which nobody could reply.
        ListError: The text is empty or too long, or there is no such part.
        NotFoundError: There is no such thread.
    """
    text = words.replace("\r\n", "\n").strip()
    if not 0 < len(text) <= _LONGEST:
        raise ListError(msg("Write a comment of at most {most} characters.", most=_LONGEST))
    if actor.account_id is None:
        raise ForbiddenError(msg("Comments are written by people with an account."))
    heading = ""
    if thread_id is not None:
        first = _thread(session, issue, thread_id)
        anchor, heading = first.anchor, first.heading
        first.resolved_at = first.resolved_by = None
    elif anchor:
        known = parts_of(issue_from_json(issue.content))
        if anchor not in known:
            raise ListError(msg("There is no such part."), remedy=SEE_ANEW)
        heading = known[anchor]
    row = IssueCommentRow(
        issue_id=issue.id,
        thread_id=thread_id,
        anchor=anchor,
        heading=heading,
        author_id=actor.account_id,
        words=text,
    )
    session.add(row)
    session.flush()
    record_on_issue(
        session, actor, Action.ISSUE_COMMENT, issue, reason=text, details={"comment": row.id}
    )
    return row.id


def settle_thread(
    session: Session, actor: Actor, issue: IssueRow, thread_id: int, *, resolved: bool
) -> None:
    """Resolve a thread, or open it again; doing so twice has no further effect.

    Raises:
        NotFoundError: There is no such thread.
    """
    first = _thread(session, issue, thread_id)
    if (first.resolved_at is not None) is resolved:
        return
    first.resolved_at = now() if resolved else None
    first.resolved_by = actor.account_id if resolved else None
    action = Action.ISSUE_COMMENT_RESOLVE if resolved else Action.ISSUE_COMMENT_REOPEN
    record_on_issue(session, actor, action, issue, details={"comment": first.id})


def threads_of(session: Session, issue_id: int, content: Issue) -> Sequence[Thread]:
    """Return an issue's threads in the order of their parts; those about the whole issue first.

    Args:
        session: The database session.
        issue_id: The issue.
        content: The present content, in which the part of each thread is looked for.
    """
    rows = session.execute(
        select(IssueCommentRow, AccountRow)
        .join(AccountRow, AccountRow.id == IssueCommentRow.author_id)
        .where(IssueCommentRow.issue_id == issue_id)
        .order_by(IssueCommentRow.id)
    ).all()
    answers: dict[int, list[ReviewComment]] = {}
    for row, author in rows:
        answers.setdefault(row.thread_id or row.id, []).append(_comment(row, author))
    people = {author.id: author.name or author.address for _, author in rows}
    resolvers = {row.resolved_by for row, _ in rows if row.resolved_by} - set(people)
    for account in session.scalars(select(AccountRow).where(AccountRow.id.in_(resolvers))):
        people[account.id] = account.name or account.address
    parts = parts_of(content)
    order = {anchor: place for place, anchor in enumerate(parts)}
    threads = [
        _as_thread(row, answers[row.id], parts, people) for row, _ in rows if row.thread_id is None
    ]
    return sorted(threads, key=lambda thread: (thread.gone, order.get(thread.anchor, -1)))


def open_threads(session: Session, issue_id: int) -> int:
    """Return the number of open threads of an issue."""
    found = session.scalar(
        select(func.count()).where(
            IssueCommentRow.issue_id == issue_id,
            IssueCommentRow.thread_id.is_(None),
            IssueCommentRow.resolved_at.is_(None),
        )
    )
    return found or 0


def mail_comments(engine: Engine, post: Post, *, quiet: timedelta = _QUIET) -> int:
    """Mail new comments once nobody adds more; return the number of issues.

    The recipients are the person who requested approval, the approvers who were asked, and the
    authors of comments; nobody gets mail about their own comments only. Marking comments as mailed
    and queuing the mail is one transaction, so that two hosts do not mail twice.
    """
    moment = now()
    with reading(engine) as session:
        last, first = func.max(IssueCommentRow.written_at), func.min(IssueCommentRow.written_at)
        due = session.scalars(
            select(IssueCommentRow.issue_id)
            .where(IssueCommentRow.mailed_at.is_(None))
            .group_by(IssueCommentRow.issue_id)
            .having((last <= moment - quiet) | (first <= moment - _LONGEST_WAIT))
        ).all()
    for issue_id in due:
        with transaction(engine) as session:
            _mail_those_of(session, issue_id, post, moment)
    return len(due)


def _mail_those_of(session: Session, issue_id: int, post: Post, moment: datetime) -> None:
    numbers = session.scalars(
        update(IssueCommentRow)
        .where(IssueCommentRow.issue_id == issue_id, IssueCommentRow.mailed_at.is_(None))
        .values(mailed_at=moment)
        .returning(IssueCommentRow.id)
    ).all()
    rows = session.execute(
        select(IssueCommentRow, AccountRow)
        .join(AccountRow, AccountRow.id == IssueCommentRow.author_id)
        .where(IssueCommentRow.id.in_(numbers))
        .order_by(IssueCommentRow.id)
    ).all()
    if not rows:
        return
    issue = session.get_one(IssueRow, issue_id)
    for account in _concerned(session, issue):
        others = [(row, author) for row, author in rows if author.id != account.id]
        if not others:
            continue
        names = dict.fromkeys(author.name or author.address for _, author in others)
        news = ApprovalNews(
            template=NoticeTemplate.COMMENTS,
            issue=issue,
            person=format_list(names, account.language),
            words="\n\n".join(_words_of(row, author) for row, author in others),
        )
        tell_by_mail(session, news, [account], post)


def _words_of(row: IssueCommentRow, author: AccountRow) -> str:
    about = f" – {row.heading}" if row.heading else ""
    return f"{author.name or author.address}{about}\n{row.words}"


def _concerned(session: Session, issue: IssueRow) -> Sequence[AccountRow]:
    approvals = session.scalars(select(ApprovalRow).where(ApprovalRow.issue_id == issue.id)).all()
    numbers = {row.requested_by for row in approvals}
    for row in approvals:
        numbers.update(row.asked or ())
    if approvals and not any(row.asked for row in approvals):
        numbers.update(account.id for account in approvers(session, issue.newsletter_id))
    numbers.update(
        session.scalars(
            select(IssueCommentRow.author_id).where(IssueCommentRow.issue_id == issue.id)
        )
    )
    editor = select(DraftRow.author).where(DraftRow.issue_id == issue.id).scalar_subquery()
    return session.scalars(
        select(AccountRow)
        .where(AccountRow.id.in_(numbers) | (AccountRow.address == editor))
        .order_by(AccountRow.id)
    ).all()


def _thread(session: Session, issue: IssueRow, number: int) -> IssueCommentRow:
    row = session.get(IssueCommentRow, number)
    if row is None or row.issue_id != issue.id or row.thread_id is not None:
        raise NotFoundError(msg("There is no such comment."))
    return row


def _comment(row: IssueCommentRow, author: AccountRow) -> ReviewComment:
    return ReviewComment(
        id=row.id,
        author_id=author.id,
        author=author.name or author.address,
        words=row.words,
        written_at=row.written_at,
    )


def _as_thread(
    row: IssueCommentRow,
    comments: Sequence[ReviewComment],
    parts: dict[str, str],
    people: dict[int, str],
) -> Thread:
    anchor = row.anchor
    if anchor and parts.get(anchor) != row.heading:
        is_block = part_of(anchor) != anchor
        moved = (
            known
            for known, heading in parts.items()
            if heading == row.heading and (part_of(known) != known) is is_block
        )
        anchor = next(moved, anchor if anchor in parts else "")
    return Thread(
        id=row.id,
        anchor=anchor,
        heading=row.heading,
        gone=bool(row.anchor and not anchor),
        comments=tuple(comments),
        resolved_at=row.resolved_at,
        resolver=people.get(row.resolved_by or 0, ""),
    )
