"""Opening: the round creates the mailing of each digest that is due.

One transaction creates the mailing, marks its entries and moves the rule to its next date, if the
rule has not changed meanwhile. Newsletter, frequency and date of a digest are a unique key. So two
hosts at the same time, or a round after a kill, create at most one digest per date, and no entry is
in two digests. Dates that passed while no worker was running are skipped: the next digest contains
everything that waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, distinct, exists, func, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    DigestEntryRow,
    DigestRow,
    DigestRuleRow,
    IssueRow,
    MailingRow,
    NewsletterRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    Archived,
    DigestDetail,
    Frequency,
    MailingKind,
    MailingState,
)
from newsletter.errors import ListError, NewsletterError
from newsletter.i18n.messages import msg
from newsletter.issues.conditions import conditions_of, part_conditions, select_parts
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.translations import complete_translations
from newsletter.mailings.archive import archived_as
from newsletter.mailings.digests.composing import CarriedIssue, DigestLook, compose
from newsletter.mailings.digests.entries import entry_condition
from newsletter.mailings.digests.rules import DigestRule, dates_of, due_on
from newsletter.mailings.mailings import freeze_content, publisher_of
from newsletter.mailings.planning.content import planned_conditions
from newsletter.mailings.planning.variants import condition_query
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.render import render_issue
from newsletter.settings import Settings

#: The maximum number of issues in a digest; further ones wait for the next digest.
MOST_ISSUES = 40
#: The states of mailings whose issues are included; others are paused or cancelled.
_GOES_OUT = (MailingState.SENDING, MailingState.FINISHED)


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestSetting:
    """The settings for building digests.

    Attributes:
        public_url: The base URL of the archive.
    """

    templates_dir: Path
    public_url: str
    batch_size: int

    @classmethod
    def of(cls, settings: Settings) -> DigestSetting:
        """Create the object from the settings."""
        return cls(
            templates_dir=settings.templates_dir,
            public_url=settings.public_url,
            batch_size=settings.batch_size,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestPreview:
    """A preview of the next digest.

    Attributes:
        people: The number of subscribers with waiting entries.
        issue: The digest; None without entries.
    """

    day: date
    people: int
    issue: Issue | None
    rendered: RenderedIssue | None


def preview_digest(
    session: Session, newsletter: NewsletterRow, rule: DigestRule, setting: DigestSetting
) -> DigestPreview:
    """Return a preview of the next digest, with the chapters of all readers.

    Raises:
        TemplateError: The newsletter's template fails.
    """
    carried = _carried(session, newsletter, rule, setting)
    people = session.scalar(
        select(func.count(distinct(DigestEntryRow.subscriber_id))).where(_waits(rule))
    )
    if not carried:
        return DigestPreview(day=rule.next_on, people=0, issue=None, rendered=None)
    issue = _compose(newsletter, rule, [each.issue for each in carried], rule.next_on)
    rendered = _render(issue, newsletter, rule, setting)
    return DigestPreview(day=rule.next_on, people=people or 0, issue=issue, rendered=rendered)


#: A newsletter's digests that are listed at most.
_LISTED = 12


def list_digests(session: Session, newsletter_id: int) -> Sequence[MailingRow]:
    """Return the mailings of a newsletter's last digests, the newest first."""
    return session.scalars(
        select(MailingRow)
        .join(DigestRow, DigestRow.mailing_id == MailingRow.id)
        .where(DigestRow.newsletter_id == newsletter_id)
        .order_by(MailingRow.id.desc())
        .limit(_LISTED)
    ).all()


def open_due_digests(
    engine: Engine, setting: DigestSetting, moment: datetime | None = None
) -> Sequence[int]:
    """Create the mailings of all due digests; return their numbers."""
    moment = moment or now()
    with reading(engine) as session:
        due = session.execute(
            select(DigestRuleRow.newsletter_id, DigestRuleRow.frequency, DigestRuleRow.next_on)
            .where(DigestRuleRow.due_at <= moment, ~DigestRuleRow.paused)
            .order_by(DigestRuleRow.due_at)
        ).all()
    opened = []
    for newsletter_id, frequency, day in due:
        try:
            mailing_id = _open(engine, newsletter_id, frequency, day, setting, moment)
        except NewsletterError as error:
            # For example, the template fails: the digest is paused until somebody looks at it.
            _halt(engine, newsletter_id, frequency, error)
            continue
        if mailing_id is not None:
            opened.append(mailing_id)
    return opened


@dataclass(frozen=True, kw_only=True, slots=True)
class _Carried:
    """An issue in a digest, with the mailings whose entries it includes."""

    issue_id: int
    mailing_ids: tuple[int, ...]
    issue: CarriedIssue


def _open(
    engine: Engine,
    newsletter_id: int,
    frequency: Frequency,
    day: date,
    setting: DigestSetting,
    moment: datetime,
) -> int | None:
    # Rendered before the transaction, so that its locks are held briefly.
    with reading(engine) as session:
        newsletter = session.get_one(NewsletterRow, newsletter_id)
        rule = session.get_one(DigestRuleRow, (newsletter_id, frequency))
        carried = _carried(session, newsletter, rule, setting)
        issue = _compose(newsletter, rule, [each.issue for each in carried], day)
        rendered = _render(issue, newsletter, rule, setting) if carried else None
    with transaction(engine, long=True) as session:
        newsletter = session.get_one(NewsletterRow, newsletter_id)
        rule = session.get_one(DigestRuleRow, (newsletter_id, frequency), with_for_update=True)
        if rule.next_on != day or rule.due_at > moment or rule.paused:
            return None
        _move_on(session, newsletter, rule, moment)
        if rendered is None or _is_opened(session, newsletter_id, frequency, day):
            return None
        mailing = MailingRow(
            newsletter_id=newsletter_id,
            kind=MailingKind.DIGEST,
            state=MailingState.PLANNING,
            batch_size=setting.batch_size,
            title=issue.title,
            issue_date=day,
            local_hour=datetime.combine(day, time.fromisoformat(rule.hour)).isoformat()
            if rule.everywhere
            else "",
        )
        session.add(mailing)
        session.flush()
        mailing.conditions = _queries(issue, carried, mailing.id)
        session.add(
            DigestRow(
                mailing_id=mailing.id,
                newsletter_id=newsletter_id,
                frequency=frequency,
                period=day,
            )
        )
        session.flush()
        taken = [number for each in carried for number in each.mailing_ids]
        session.execute(
            update(DigestEntryRow)
            .where(_waits(rule), DigestEntryRow.mailing_id.in_(taken))
            .values(digest_mailing_id=mailing.id)
            .execution_options(synchronize_session=False)
        )
        freeze_content(
            session,
            mailing.id,
            newsletter,
            rendered,
            date=moment,
            kind=MailingKind.DIGEST,
        )
        record_event(
            session,
            Actor(account_id=None, name=rule.author, door=""),
            Action.DIGEST_OPEN,
            object=f"mailing {mailing.id}",
            newsletter_id=newsletter_id,
            details={"frequency": frequency.value, "date": day.isoformat(), "mailings": taken},
        )
        return mailing.id


def _halt(engine: Engine, newsletter_id: int, frequency: Frequency, error: NewsletterError) -> None:
    with transaction(engine) as session:
        rule = session.get_one(DigestRuleRow, (newsletter_id, frequency), with_for_update=True)
        rule.paused = True
        rule.halt_reason = msg("It could not be composed. {reason}", reason=error.whole)


def _move_on(
    session: Session, newsletter: NewsletterRow, rule: DigestRule, moment: datetime
) -> None:
    dates = dates_of(rule.frequency, rule.day)
    while rule.due_at <= moment:
        rule.next_on = dates.after(rule.next_on)
        rule.due_at = due_on(
            session, newsletter, rule.next_on, rule.hour, everywhere=rule.everywhere
        )


def _is_opened(session: Session, newsletter_id: int, frequency: Frequency, day: date) -> bool:
    there = exists().where(
        DigestRow.newsletter_id == newsletter_id,
        DigestRow.frequency == frequency,
        DigestRow.period == day,
    )
    return bool(session.scalar(select(there)))


def _waits(rule: DigestRule) -> ColumnElement[bool]:
    return (
        (DigestEntryRow.newsletter_id == rule.newsletter_id)
        & (DigestEntryRow.frequency == rule.frequency)
        & DigestEntryRow.digest_mailing_id.is_(None)
    )


def _carried(
    session: Session, newsletter: NewsletterRow, rule: DigestRule, setting: DigestSetting
) -> list[_Carried]:
    """Return the waiting issues, the oldest first."""
    waiting = select(DigestEntryRow.mailing_id).where(_waits(rule)).distinct()
    rows = session.execute(
        select(MailingRow, IssueRow)
        .join(IssueRow, IssueRow.id == MailingRow.issue_id)
        .where(MailingRow.id.in_(waiting), MailingRow.state.in_(_GOES_OUT))
        .order_by(MailingRow.started_at, MailingRow.id)
    ).all()
    by_issue: dict[int, list[MailingRow]] = {}
    issues: dict[int, IssueRow] = {}
    for mailing, issue in rows:
        by_issue.setdefault(issue.id, []).append(mailing)
        issues[issue.id] = issue
    return [
        _Carried(
            issue_id=number,
            mailing_ids=tuple(mailing.id for mailing in mailings),
            issue=_read(session, newsletter, issues[number], mailings[0], setting),
        )
        for number, mailings in list(by_issue.items())[:MOST_ISSUES]
    ]


def _read(
    session: Session,
    newsletter: NewsletterRow,
    row: IssueRow,
    mailing: MailingRow,
    setting: DigestSetting,
) -> CarriedIssue:
    content = issue_from_json(row.content)
    content = replace(content, translations=complete_translations(content))
    queries = _frozen_queries(session, mailing)
    try:
        queries = {
            condition: queries.get(condition) or condition_query(session, newsletter.id, condition)
            for condition in part_conditions(content)
        }
    except ListError:
        # A correction names a segment that was deleted: only parts for everybody are included, in
        # the issue's own language.
        content, queries = select_parts(content, ()), {}
    place = archived_as(session, row)
    readable = newsletter.visibility.readable and place is not Archived.SUBSCRIBERS
    archive = f"{setting.public_url.rstrip('/')}/archive/{newsletter.slug}"
    return CarriedIssue(
        label=f"{row.slug}: {row.title}",
        content=content,
        queries=queries,
        url=f"{archive}/{row.slug}" if readable else "",
    )


def _frozen_queries(session: Session, mailing: MailingRow) -> dict[str, str]:
    """Return the queries of a mailing's conditions at the time of the order, by condition."""
    if mailing.conditions is None:
        return {}
    words = planned_conditions(session, mailing.id)
    if len(words) != len(mailing.conditions):
        return {}
    return dict(zip(words, mailing.conditions, strict=True))


def _compose(
    newsletter: NewsletterRow, rule: DigestRule, carried: Sequence[CarriedIssue], day: date
) -> Issue:
    return compose(
        carried,
        DigestLook(
            frequency=rule.frequency,
            detail=DigestDetail(rule.detail),
            introduction=rule.introduction,
        ),
        publisher_of(newsletter),
        day=day,
        language=newsletter.language,
    )


def _render(
    issue: Issue, newsletter: NewsletterRow, rule: DigestRule, setting: DigestSetting
) -> RenderedIssue:
    return render_issue(
        issue,
        template=rule.template or newsletter.template,
        templates_dir=setting.templates_dir,
        publisher=publisher_of(newsletter),
    )


def _queries(issue: Issue, carried: Sequence[_Carried], mailing_id: int) -> list[str]:
    """Return the queries of a digest's conditions, in order."""
    entries = {each.issue.label: entry_condition(mailing_id, each.issue_id) for each in carried}
    return [entries.get(condition, condition) for condition in conditions_of(issue)]
