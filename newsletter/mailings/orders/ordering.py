"""Orders: a decision to send an issue, checked by the same rules from whichever door it comes.

The mailing, who ordered it and the audit entry are one transaction; the order's key is unique.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.audit_details import Detail
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import IssueRow, MailingOrderRow, MailingRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import OVER, Archived, UncertainPolicy
from newsletter.errors import ConflictError, OrderError
from newsletter.i18n.messages import msg
from newsletter.issues.checks.findings import Finding, Severity
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.sent import sent_as
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.plans import EVERYBODY_AT_ONCE, SendingPlan
from newsletter.mailings.approvals.requests import demand_approval
from newsletter.mailings.approvals.state import differs_from_approved, find_approval
from newsletter.mailings.archive import archived_as
from newsletter.mailings.ledger.schedule import Schedule, demand_hour
from newsletter.mailings.mailings import create_mailing, publisher_of
from newsletter.mailings.orders.variant_checks import check_subjects, variants_now
from newsletter.mailings.planning.audience import AudienceCount, audience_figure, has_audience
from newsletter.mailings.planning.variants import VariantCount, count_variants, demand_few
from newsletter.mailings.reports.cached_figures import Figure, Figures
from newsletter.mailings.trials.subjects import SubjectTrial, demand_trial
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.preflight import Preflight
from subscribers.segments.saved import demand_fields, names_of_queries

#: A key is a token, or a word of a program's own that is as hard to meet by chance.
_KEY_LENGTHS = range(16, 65)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One decision to send.

    Attributes:
        key: Made with the confirmation; the same key is the same mailing.
        digest: Of the content that was confirmed.
        plan: To whom and when; its segment is a query.
        with_warnings: Preflight's warnings were seen, and it is to be sent all the same.
        again: It is to be sent though it was before.
    """

    key: str
    digest: str
    plan: SendingPlan = EVERYBODY_AT_ONCE
    uncertain_policy: UncertainPolicy = UncertainPolicy.ASK
    with_warnings: bool = False
    again: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderReview:
    """What an order would do, for whoever is to confirm it.

    Attributes:
        digest: Names the content that is confirmed.
        first: When the first message is due; None for at once.
        earlier: The issue's mailings so far, the newest first.
        variants: The different mails that its readers get, the most read first; empty where all
            get the same parts.
        decide_at: When the subject of who is not in the trial is decided; None without a trial.
        tried: About how many get each of the subjects that are compared.
        place: Where the issue will stand in the archive; None where the newsletter has none.
        other_day: The day that it goes out on, where its issue bears another.
        other_plan: Whether audience, hour or subjects are not those that were approved.
    """

    rendered: RenderedIssue
    digest: str
    first: datetime | None
    audience: Figure[AudienceCount]
    warnings: Sequence[Finding]
    earlier: Sequence[MailingRow]
    variants: Sequence[VariantCount] = ()
    decide_at: datetime | None = None
    tried: int = 0
    place: Archived | None = None
    other_day: date | None = None
    other_plan: bool = False


def review_order(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    preflight: Preflight,
    plan: SendingPlan,
    *,
    figures: Figures,
) -> OrderReview:
    """Return what an order of ``plan``, whose segment is a query, would do, if it can be placed.

    Raises:
        ConflictError: Preflight found errors, approval is lacking, the hour has passed or is
            further off than a year, nobody would get it, or its subjects cannot be compared.
        ListError: The segment is none.
    """
    rendered = _cleared(preflight)
    segment, trial = plan.segment, plan.trial
    digest = content_digest(newsletter, rendered, trial)
    demand_approval(session, newsletter, issue, digest)
    first = demand_hour(session, newsletter, plan.schedule)
    demand_fields(session, newsletter.id, [segment])
    count = audience_figure(session, newsletter, segment, figures, urgent=plan.urgent)
    if not count.value.reached:
        raise _no_recipients_error()
    variants: Sequence[VariantCount] = ()
    if rendered.variants is not None and rendered.recipe is not None:
        whole = rendered.recipe.issue
        variants = variants_now(
            session, newsletter, whole, segment=segment, urgent=plan.urgent, figures=figures
        )
        demand_few(len(variants))
    decide_at, tried = None, 0
    if trial is not None:
        decide_at = demand_trial(
            newsletter,
            issue_from_json(issue.content),
            rendered,
            trial,
            schedule=plan.schedule,
            first=first,
            variants=len(variants),
        )
        tried = count.value.included * trial.share // 100 // (1 + len(trial.others))
    return OrderReview(
        rendered=rendered,
        digest=digest,
        first=first,
        audience=count,
        warnings=_warnings(newsletter, issue, preflight, trial),
        earlier=earlier_mailings(session, issue.id),
        variants=variants,
        decide_at=decide_at,
        tried=tried,
        place=archived_as(session, issue, segment) if newsletter.visibility.readable else None,
        other_day=other_day(newsletter, issue_from_json(issue.content), plan.schedule),
        other_plan=differs_from_approved(
            session, newsletter.id, find_approval(session, issue.id, digest), plan
        ),
    )


def other_day(newsletter: NewsletterRow, issue: Issue, schedule: Schedule) -> date | None:
    """Return the day that an issue goes out on, where it bears another day than that."""
    hour = schedule.hour or now().astimezone(ZoneInfo(newsletter.time_zone))
    if issue.undated or issue.issue_date == hour.date():
        return None
    return hour.date()


def place_order(
    engine: Engine,
    actor: Actor,
    issue: IssueRow,
    preflight: Preflight,
    order: Order,
    *,
    batch_size: int,
) -> int:
    """Make the mailing of ``issue`` as ``preflight`` rendered it, or return the one made already.

    Two orders of one issue at once are one after the other: the second one must say that it is to
    be sent again.

    Raises:
        ConflictError: As `review_order`; or the content is not what was confirmed, warnings were
            not accepted, or the issue was sent before and is not to be sent again.
        ListError: The segment is none.
        OrderError: The key is too short or too long.
    """
    _demand_key(order.key)
    if (known := _find(engine, order.key, issue.id)) is not None:
        return known
    rendered = _cleared(preflight)
    try:
        with transaction(engine) as session:
            newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
            _demand_consent(newsletter, issue, preflight, order)
            session.get_one(IssueRow, issue.id, with_for_update=True)
            # Asked again under the lock: the same order may have been placed twice at once.
            if (known := order_of(session, order.key)) is not None:
                return known
            _demand_sendable(session, newsletter, issue, rendered, order)
            mailing_id = create_mailing(
                session,
                newsletter,
                issue,
                rendered,
                batch_size=batch_size,
                plan=order.plan,
                uncertain_policy=order.uncertain_policy,
            )
            session.add(
                MailingOrderRow(
                    key=order.key,
                    mailing_id=mailing_id,
                    ordered_by=actor.account_id,
                    orderer=actor.name,
                )
            )
            record_event(
                session,
                actor,
                Action.MAILING_ORDER,
                object=f"mailing {mailing_id}",
                newsletter_id=newsletter.id,
                details=_described(session, issue, order),
            )
            return mailing_id
    except IntegrityError:
        # The same key was used for two issues at once, and the other was first.
        if (known := _find(engine, order.key, issue.id)) is None:
            raise
        return known


def _demand_key(key: str) -> None:
    if len(key) not in _KEY_LENGTHS:
        raise OrderError(
            msg("The key has {count} characters.", count=len(key)),
            remedy=msg(
                "Use a key of {least} to {most} characters that nobody can guess.",
                least=_KEY_LENGTHS.start,
                most=_KEY_LENGTHS.stop - 1,
            ),
        )


def _demand_consent(
    newsletter: NewsletterRow, issue: IssueRow, preflight: Preflight, order: Order
) -> None:
    """Refuse an order that does not accept what preflight warns of."""
    if not order.with_warnings and _warnings(newsletter, issue, preflight, order.plan.trial):
        raise ConflictError(
            msg("Preflight found warnings; confirm that the issue is to be sent despite them.")
        )


def _demand_sendable(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    rendered: RenderedIssue,
    order: Order,
) -> None:
    """Refuse an order whose content, approval, hour, readers or subjects do not allow it now."""
    plan = order.plan
    digest = content_digest(newsletter, rendered, plan.trial)
    if digest != order.digest:
        raise ConflictError(
            msg("The issue has changed since you last looked at it."),
            remedy=msg("Check it again, then send it."),
        )
    demand_approval(session, newsletter, issue, digest)
    first = demand_hour(session, newsletter, plan.schedule)
    if not order.again and (earlier := earlier_mailings(session, issue.id)):
        raise already_sent_error(earlier[0])
    variants = _demand_readers(session, newsletter, rendered, plan)
    if plan.trial is not None:
        demand_trial(
            newsletter,
            issue_from_json(issue.content),
            rendered,
            plan.trial,
            schedule=plan.schedule,
            first=first,
            variants=variants,
        )


def order_of(session: Session, key: str) -> int | None:
    """Return the mailing that an order made, if it did."""
    return session.scalar(select(MailingOrderRow.mailing_id).where(MailingOrderRow.key == key))


def earlier_mailings(session: Session, issue_id: int) -> Sequence[MailingRow]:
    """Return the mailings of an issue that somebody got, or will get, the newest first.

    Whoever orders another is asked about them. That they are those for which an issue stays as it
    is (`sent_as`) is a decision of its own: whether one that was cancelled counts is said here.
    """
    return sent_as(session, issue_id)


def already_sent_error(mailing: MailingRow) -> ConflictError:
    """Return the error of an issue that this mailing sent, where nobody said to send it again."""
    return ConflictError(
        msg("The issue was sent before, in mailing {mailing}.", mailing=mailing.id),
        remedy=msg("Confirm that it is to be sent again."),
        command=msg("Add --again to send it again.")
        if mailing.state in OVER
        else msg(
            "It is still under way; newsletter worker goes on with it. With --again everybody gets "
            "a second mail."
        ),
    )


def _find(engine: Engine, key: str, issue_id: int) -> int | None:
    with reading(engine) as session:
        known = order_of(session, key)
        if known is not None and session.get_one(MailingRow, known).issue_id != issue_id:
            raise ConflictError(
                msg("This key was used for another issue."), remedy=msg("Use another key.")
            )
        return known


def _cleared(preflight: Preflight) -> RenderedIssue:
    if preflight.blocked or preflight.rendered is None:
        raise ConflictError(msg("Preflight found errors; correct them first."))
    return preflight.rendered


def _warnings(
    newsletter: NewsletterRow, issue: IssueRow, preflight: Preflight, trial: SubjectTrial | None
) -> Sequence[Finding]:
    """Return what preflight warns of, in the subjects that are compared, too.

    Raises:
        ConflictError: One of these cannot be sent.
    """
    fields = publisher_of(newsletter).fields
    others = check_subjects(issue_from_json(issue.content), trial.others if trial else (), fields)
    for finding in others:
        if finding.severity is Severity.ERROR:
            raise ConflictError(finding.message, remedy=finding.remedy)
    return (*preflight.of(Severity.WARNING), *others)


def _demand_readers(
    session: Session, newsletter: NewsletterRow, rendered: RenderedIssue, plan: SendingPlan
) -> int:
    """Return how many different mails an order's readers would get by the parts they are shown.

    Raises:
        ConflictError: Nobody would receive it, or there are too many.
    """
    demand_fields(session, newsletter.id, [plan.segment])
    if not has_audience(session, newsletter, plan.segment):
        raise _no_recipients_error()
    if rendered.variants is None:
        return 1
    conditions = rendered.variants.conditions
    variants = len(
        count_variants(session, newsletter, conditions, plan.segment, urgent=plan.urgent)
    )
    demand_few(variants)
    return variants


def _no_recipients_error() -> ConflictError:
    return ConflictError(msg("Nobody would receive it."))


def _described(session: Session, issue: IssueRow, order: Order) -> dict[Detail, object]:
    plan = order.plan
    named = names_of_queries(session, issue.newsletter_id).get(plan.segment, "")
    hour = plan.schedule.hour
    described: dict[Detail, object] = {
        "issue": issue.slug,
        "segment": named or plan.segment,
        **({"query": plan.segment} if named else {}),
        "urgent": plan.urgent,
        "at": hour.isoformat() if hour else "now",
        "everywhere": plan.schedule.everywhere,
        "spread_seconds": int(plan.schedule.spread.total_seconds()),
        "digest": order.digest,
        "again": order.again,
    }
    if plan.trial is not None:
        described["subjects"] = [subject.title for subject in plan.trial.others]
        described["trial_share"] = plan.trial.share
        described["decide_at"] = plan.trial.decide.isoformat()
    return described
