"""Orders: the decision to send an issue, checked by the same rules on pages and commands.

The mailing, its author and the audit entry are written in one transaction. An order has a unique
key, so that placing it twice makes one mailing.
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
from newsletter.accounts.audit_actions import Action, Detail
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
from newsletter.mailings.approvals.requests import require_approval
from newsletter.mailings.approvals.state import differs_from_approved, find_approval
from newsletter.mailings.archive import archived_as
from newsletter.mailings.ledger.schedule import Schedule, require_hour
from newsletter.mailings.mailings import create_mailing, publisher_of
from newsletter.mailings.orders.variant_checks import check_subjects, variants_now
from newsletter.mailings.planning.audience import AudienceCount, audience_figure, has_audience
from newsletter.mailings.planning.variants import VariantCount, count_variants, require_few
from newsletter.mailings.reports.cached_figures import Figure, Figures
from newsletter.mailings.trials.subjects import SubjectTrial, require_trial
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.preflight import Preflight
from subscribers.segments.saved import names_of_queries, require_fields

#: Permitted lengths of a key: long enough that two programs cannot choose the same by chance.
_KEY_LENGTHS = range(16, 65)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A confirmed decision to send.

    Attributes:
        key: Generated with the confirmation page; one key makes one mailing.
        digest: The digest of the confirmed content.
        plan: The audience, time and subjects; its segment is a query.
        with_warnings: Whether preflight's warnings are accepted.
        again: Whether the issue is to be sent although it was sent before.
    """

    key: str
    digest: str
    plan: SendingPlan = EVERYBODY_AT_ONCE
    uncertain_policy: UncertainPolicy = UncertainPolicy.ASK
    with_warnings: bool = False
    again: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderReview:
    """The effect of an order, shown for confirmation.

    Attributes:
        digest: The digest of the content.
        first: When the first message is due; None for at once.
        earlier: The issue's mailings so far, the newest first.
        variants: The variants that readers get, those with the most readers first; empty if all get
            the same content.
        decide_at: When the subject is chosen; None without a trial of subjects.
        tried: The approximate number of readers who get each subject during the trial.
        place: How the archive will show the issue; None if the newsletter has no archive.
        other_day: The day of sending, if the issue's date is another day.
        other_plan: Whether audience, time or subjects differ from those that were approved.
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
    """Return the effect of an order with this plan, whose segment is a query.

    Raises:
        ConflictError: The order cannot be placed: preflight found errors, approval is missing, the
            time has passed or is more than a year ahead, the audience is empty, or the subjects
            cannot be compared.
        ListError: The segment is not valid.
    """
    rendered = _cleared(preflight)
    segment, trial = plan.segment, plan.trial
    digest = content_digest(newsletter, rendered, trial)
    require_approval(session, newsletter, issue, digest)
    first = require_hour(session, newsletter, plan.schedule)
    require_fields(session, newsletter.id, [segment])
    count = audience_figure(session, newsletter, segment, figures, urgent=plan.urgent)
    if not count.value.reached:
        raise _no_recipients_error()
    variants: Sequence[VariantCount] = ()
    if rendered.variants is not None and rendered.recipe is not None:
        whole = rendered.recipe.issue
        variants = variants_now(
            session, newsletter, whole, segment=segment, urgent=plan.urgent, figures=figures
        )
        require_few(len(variants))
    decide_at, tried = None, 0
    if trial is not None:
        decide_at = require_trial(
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
    """Return the day of sending if the issue's date is another day; otherwise None."""
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
    """Create the mailing of ``issue`` as ``preflight`` rendered it; return its number.

    An order that was placed already returns its mailing. Two orders of one issue at the same time
    are processed one after the other, and the second needs ``again``.

    Raises:
        ConflictError: As for `review_order`; or the content is not the confirmed one, warnings were
            not accepted, or the issue was sent before and ``again`` is not set.
        ListError: The segment is not valid.
        OrderError: The key is too short or too long.
    """
    _require_key(order.key)
    if (known := _find(engine, order.key, issue.id)) is not None:
        return known
    rendered = _cleared(preflight)
    try:
        with transaction(engine) as session:
            newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
            _require_consent(newsletter, issue, preflight, order)
            session.get_one(IssueRow, issue.id, with_for_update=True)
            # Checked again under the lock: the same order may be placed twice at the same time.
            if (known := order_of(session, order.key)) is not None:
                return known
            _require_sendable(session, newsletter, issue, rendered, order)
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
        # The same key was used for another issue at the same time.
        if (known := _find(engine, order.key, issue.id)) is None:
            raise
        return known


def _require_key(key: str) -> None:
    if len(key) not in _KEY_LENGTHS:
        raise OrderError(
            msg("The key has {count} characters.", count=len(key)),
            remedy=msg(
                "Use a key of {least} to {most} characters that nobody can guess.",
                least=_KEY_LENGTHS.start,
                most=_KEY_LENGTHS.stop - 1,
            ),
        )


def _require_consent(
    newsletter: NewsletterRow, issue: IssueRow, preflight: Preflight, order: Order
) -> None:
    """Raise if the order does not accept preflight's warnings."""
    if not order.with_warnings and _warnings(newsletter, issue, preflight, order.plan.trial):
        raise ConflictError(
            msg("Preflight found warnings; confirm that the issue is to be sent despite them.")
        )


def _require_sendable(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    rendered: RenderedIssue,
    order: Order,
) -> None:
    """Raise if content, approval, time, audience or subjects do not permit the order now."""
    plan = order.plan
    digest = content_digest(newsletter, rendered, plan.trial)
    if digest != order.digest:
        raise ConflictError(
            msg("The issue has changed since you last looked at it."),
            remedy=msg("Check it again, then send it."),
        )
    require_approval(session, newsletter, issue, digest)
    first = require_hour(session, newsletter, plan.schedule)
    if not order.again and (earlier := earlier_mailings(session, issue.id)):
        raise already_sent_error(earlier[0])
    variants = _require_readers(session, newsletter, rendered, plan)
    if plan.trial is not None:
        require_trial(
            newsletter,
            issue_from_json(issue.content),
            rendered,
            plan.trial,
            schedule=plan.schedule,
            first=first,
            variants=variants,
        )


def order_of(session: Session, key: str) -> int | None:
    """Return the mailing of an order; None if it was not placed."""
    return session.scalar(select(MailingOrderRow.mailing_id).where(MailingOrderRow.key == key))


def earlier_mailings(session: Session, issue_id: int) -> Sequence[MailingRow]:
    """Return the mailings of an issue that people received or will receive, the newest first.

    Another order must confirm that the issue is sent again. Cancelled mailings count if some copies
    were sent. The rule which mailings make an issue read-only is separate; see `sent_as`.
    """
    return sent_as(session, issue_id)


def already_sent_error(mailing: MailingRow) -> ConflictError:
    """Return the error for an order without ``again`` of an issue that was sent already."""
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
    """Return preflight's warnings, including those about the subjects of a trial.

    Raises:
        ConflictError: A subject cannot be sent.
    """
    fields = publisher_of(newsletter).fields
    others = check_subjects(issue_from_json(issue.content), trial.others if trial else (), fields)
    for finding in others:
        if finding.severity is Severity.ERROR:
            raise ConflictError(finding.message, remedy=finding.remedy)
    return (*preflight.of(Severity.WARNING), *others)


def _require_readers(
    session: Session, newsletter: NewsletterRow, rendered: RenderedIssue, plan: SendingPlan
) -> int:
    """Return the number of variants that the order's audience would get.

    Raises:
        ConflictError: The audience is empty, or there are too many variants.
    """
    require_fields(session, newsletter.id, [plan.segment])
    if not has_audience(session, newsletter, plan.segment):
        raise _no_recipients_error()
    if rendered.variants is None:
        return 1
    conditions = rendered.variants.conditions
    variants = len(
        count_variants(session, newsletter, conditions, plan.segment, urgent=plan.urgent)
    )
    require_few(variants)
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
