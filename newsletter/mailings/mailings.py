"""Mailings: create one from an issue, pause, resume and cancel it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from newsletter.database.states import CLAIMABLE, moving_batches, moving_deliveries, moving_mailings
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    IssueRow,
    MailingRow,
    NewsletterRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BatchState,
    ContentUser,
    DeliveryState,
    MailingKind,
    MailingState,
    UncertainPolicy,
)
from newsletter.database.words import name_of
from newsletter.errors import ConflictError
from newsletter.i18n.messages import Message, msg
from newsletter.issues.corrections import last_correction
from newsletter.issues.library.stored_files import keep_calendars
from newsletter.issues.library.uses import add_uses, digests_in, record_uses
from newsletter.issues.model import blocks_from_json, issue_from_json
from newsletter.mailings.approvals.plans import EVERYBODY_AT_ONCE, SendingPlan
from newsletter.mailings.digests.entries import forget_entries
from newsletter.mailings.ledger.outcomes import OwnReason, own_reply
from newsletter.mailings.ledger.schedule import due_in, first_hour
from newsletter.mailings.ledger.worker_hosts import missing_hosts
from newsletter.mailings.planning.content import (
    MailingContent,
    NoticeAction,
    Sender,
    no_such_mailing,
    save_content,
)
from newsletter.mailings.planning.variants import queries_of
from newsletter.mailings.reports.clicks import counted_urls, keep_links
from newsletter.mailings.trials.subjects import own_subject, save_trial
from newsletter.message.frame import Identity
from newsletter.message.identifiers import feedback_id
from newsletter.newsletters.look.model import look_of, theme_of
from newsletter.newsletters.templates import own_templates
from newsletter.rendering.model import Publisher, RenderedIssue
from newsletter.rendering.render import derived_preheader

#: States of deliveries of which a copy may have been sent.
_MAY_HAVE_LEFT = frozenset({DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN})


def publisher_of(newsletter: NewsletterRow) -> Publisher:
    """Return the data about a newsletter that templates can use, with its look."""
    return Publisher(
        name=newsletter.name,
        sender_name=newsletter.from_name,
        sender_address=newsletter.reply_to or newsletter.from_address,
        postal_address=newsletter.postal_address,
        website_url=newsletter.website_url,
        contact_url=newsletter.contact_url,
        time_zone=newsletter.time_zone,
        snippets=tuple(
            (row.name, blocks_from_json(row.content["blocks"])) for row in newsletter.snippets
        ),
        theme=theme_of(look_of(newsletter)),
        fields=tuple(row.key for row in newsletter.fields),
        templates=own_templates(newsletter),
    )


def create_mailing(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    rendered: RenderedIssue,
    *,
    batch_size: int,
    plan: SendingPlan = EVERYBODY_AT_ONCE,
    uncertain_policy: UncertainPolicy = UncertainPolicy.ASK,
) -> int:
    """Create a mailing of a rendered issue, to be sent by ``plan``; return its number.

    The issue's row is locked until the transaction ends, and the issue cannot be changed
    afterwards; see `newsletter.issues.sent`.

    Raises:
        ConflictError: The issue was changed after ``issue`` was read and rendered.
        ListError: The condition of a part is not valid.
    """
    version = select(IssueRow.version).where(IssueRow.id == issue.id).with_for_update()
    if session.scalar(version) != issue.version:
        raise ConflictError(
            msg("The issue has changed since you last looked at it."),
            remedy=msg("Check it again, then send it."),
        )
    if issue.corrects is not None:
        raise ConflictError(
            msg("This is a correction of an issue, which is not sent by itself."),
            remedy=msg("Put the correction into effect."),
        )
    schedule, trial = plan.schedule, plan.trial
    content = issue_from_json(issue.content)
    own = own_subject(content)
    scheduled_at = first_hour(session, newsletter, schedule)
    local = schedule.everywhere and schedule.hour is not None
    row = MailingRow(
        newsletter_id=newsletter.id,
        issue_id=issue.id,
        state=MailingState.PLANNING if scheduled_at is None else MailingState.SCHEDULED,
        batch_size=batch_size,
        title=issue.title,
        issue_date=issue.issue_date,
        issue_number=str(issue.content.get("number") or ""),
        summary=own.preheader or derived_preheader(content),
        correction=last_correction(session, issue.id),
        segment=plan.segment,
        urgent=plan.urgent,
        conditions=queries_of(session, newsletter.id, rendered.variants.conditions)
        if rendered.variants
        else None,
        scheduled_at=scheduled_at,
        local_hour=schedule.hour.isoformat() if local and schedule.hour else "",
        spread_seconds=int(schedule.spread.total_seconds()),
        uncertain_policy=uncertain_policy,
    )
    session.add(row)
    session.flush()
    subjects = 1
    if trial is not None:
        decide_at = due_in(newsletter.time_zone, trial.decide, fallback=newsletter.time_zone)
        save_trial(session, row.id, own, trial, decide_at)
        subjects += len(trial.others)
    freeze_content(
        session, row.id, newsletter, rendered, date=scheduled_at or now(), subjects=subjects
    )
    return row.id


def freeze_content(
    session: Session,
    mailing_id: int,
    newsletter: NewsletterRow,
    rendered: RenderedIssue,
    *,
    date: datetime,
    kind: MailingKind = MailingKind.ISSUE,
    action: NoticeAction | None = None,
    sender: Sender | None = None,
    subjects: int = 1,
) -> None:
    """Store the content and sender of a mailing; ``date`` becomes the Date of its messages.

    If parts of the issue are for some readers only, the stored content is the mail of readers who
    meet no condition, together with the source of all other variants. A link has the same number in
    all variants, and a different one for each of several ``subjects``. Without ``sender``, the
    newsletter's is used.
    """
    sender = sender or sender_of(newsletter)
    domain = sender.address.rpartition("@")[2]
    variants = rendered.variants
    varies = variants is not None or subjects > 1
    counts_clicks = newsletter.count_clicks and kind.is_to_list
    notice = kind is MailingKind.NOTICE
    content = MailingContent(
        newsletter_id=newsletter.id,
        rendered=variants.common if variants else rendered,
        identity=identity_of(newsletter, sender, mailing=str(mailing_id), kind=kind),
        bounce_address=sender.bounce_address,
        message_id_domain=domain,
        date=date,
        counts_clicks=counts_clicks,
        action=action,
        varies=varies,
        links=counted_urls(rendered.html) if varies and counts_clicks else (),
    )
    save_content(
        session,
        mailing_id,
        content,
        rendered.recipe if varies else None,
        correction=find_mailing(session, mailing_id).correction,
    )
    keep_calendars(session, newsletter.id, rendered.calendars)
    _record_uses(session, mailing_id, newsletter.id, rendered, notice=notice)
    if content.counts_clicks:
        keep_links(session, mailing_id, rendered.html, subjects=subjects)


def sender_of(newsletter: NewsletterRow) -> Sender:
    """Return the sender of a newsletter's issues."""
    return Sender(
        name=newsletter.from_name,
        address=newsletter.from_address,
        reply_to=newsletter.reply_to,
        bounce_address=newsletter.bounce_address,
    )


def identity_of(
    newsletter: NewsletterRow, sender: Sender, *, mailing: str, kind: MailingKind
) -> Identity:
    """Return the data for those header fields of a mailing's messages that identify the sender."""
    notice = kind is MailingKind.NOTICE
    return Identity(
        from_name=sender.name,
        from_address=sender.address,
        reply_to=sender.reply_to,
        list_id=newsletter.list_id,
        list_name=newsletter.name,
        unsubscribe_address=newsletter.unsubscribe_address,
        feedback_id=feedback_id(
            mailing=mailing,
            newsletter=newsletter.slug,
            kind="notice" if notice else "issue",
            domain=sender.address.rpartition("@")[2],
        ),
        transactional=notice,
    )


def _record_uses(
    session: Session, mailing_id: int, newsletter_id: int, rendered: RenderedIssue, *, notice: bool
) -> None:
    """Record which pictures and files a mailing uses, so that they are not deleted."""
    html = "".join(part for part in rendered.html if isinstance(part, str))
    if notice:
        # One entry for all notices of a newsletter: there is one notice per new subscriber, and all
        # use the same few pictures.
        add_uses(session, newsletter_id, ContentUser.NOTICE, newsletter_id, digests_in(html))
    else:
        record_uses(session, newsletter_id, ContentUser.MAILING, mailing_id, html)


def find_mailing(session: Session, mailing_id: int) -> MailingRow:
    """Return a mailing.

    Raises:
        NotFoundError: No mailing has this number.
    """
    row = session.get(MailingRow, mailing_id)
    if row is None:
        raise no_such_mailing(mailing_id)
    return row


def titles_of_mailings(session: Session, mailing_ids: Collection[int]) -> Mapping[int, str]:
    """Return the titles of mailings, by number."""
    query = select(MailingRow.id, MailingRow.title).where(MailingRow.id.in_(mailing_ids))
    return {mailing: title for mailing, title in session.execute(query) if title}


def waiting(session: Session, mailing_id: int) -> int:
    """Return the number of a mailing's deliveries that are still to be sent."""
    return session.scalars(
        select(func.count())
        .select_from(DeliveryRow)
        .where(DeliveryRow.mailing_id == mailing_id, DeliveryRow.state.in_(CLAIMABLE))
    ).one()


def pause_mailing(session: Session, mailing_id: int, *, reason: Message) -> None:
    """Pause a mailing; workers stop within two seconds.

    Raises:
        ConflictError: The mailing is not under way.
    """
    _move(session, mailing_id, MailingState.PAUSED, reason=reason)


def resume_mailing(session: Session, mailing_id: int, *, even_twice: bool = False) -> None:
    """Resume a paused mailing.

    Args:
        session: The database session, in a transaction.
        mailing_id: The mailing's number.
        even_twice: Whether some people may get the mailing a second time. This is required for a
            mailing that was paused because the database lost outcomes.

    Raises:
        ConflictError: The mailing is not paused, or could reach people twice.
    """
    row = find_mailing(session, mailing_id)
    if row.restored and not even_twice and (count := waiting(session, mailing_id)):
        raise ConflictError(
            msg(
                "{count} of {planned} recipients have no record of receiving mailing "
                "{mailing}; anybody who received it after the backup would receive it twice.",
                count=count,
                planned=row.planned,
                mailing=mailing_id,
            ),
            remedy=_before_resuming(session),
            command=msg(
                "Settle it with: newsletter mailing settle {mailing} --log FILE, or --journals"
                " FOLDER. Resume it anyway with: newsletter mailing resume {mailing} --even-twice.",
                mailing=mailing_id,
            ),
        )
    if row.started_at is not None:
        target = MailingState.SENDING
    elif row.scheduled_at is not None and row.scheduled_at > now():
        target = MailingState.SCHEDULED
    else:
        target = MailingState.PLANNING
    row.served_at = None
    _move(session, mailing_id, target, sources={MailingState.PAUSED})


def _before_resuming(session: Session) -> Message:
    """Return the remedy for a mailing whose outcomes were lost by restoring the database."""
    missing = missing_hosts(session)
    if missing is None:
        return msg("First settle it from the relay’s log or earlier journals, or resume it anyway.")
    return msg(
        "The journals of these hosts are not brought back in full: {hosts}. Start newsletter"
        " worker there, or take over a copy of its DATA_DIR or the relay’s log; or resume it"
        " anyway.",
        hosts=missing,
    )


def cancel_mailing(session: Session, mailing_id: int) -> None:
    """Cancel a mailing; its waiting deliveries are skipped.

    If nobody can have received it, it counts as never begun: its issue may be changed again, and is
    not in the archive.

    Raises:
        ConflictError: The mailing is finished or cancelled already.
    """
    _move(session, mailing_id, MailingState.CANCELLED)
    session.execute(
        moving_deliveries(DeliveryState.SKIPPED, sources=CLAIMABLE)
        .where(DeliveryRow.mailing_id == mailing_id)
        .values(reply=own_reply(OwnReason.CANCELLED), settled_at=now())
    )
    session.execute(
        moving_batches(BatchState.DONE, sources={BatchState.PENDING, BatchState.HELD})
        .where(BatchRow.mailing_id == mailing_id)
        .values(hinted_at=None)
    )
    forget_entries(session, mailing_id)
    # Read after the update above, which waits for transactions that claim batches.
    left = select(DeliveryRow.position).where(
        DeliveryRow.mailing_id == mailing_id, DeliveryRow.state.in_(_MAY_HAVE_LEFT)
    )
    if session.scalar(left.limit(1)) is None:
        session.execute(
            update(MailingRow).where(MailingRow.id == mailing_id).values(started_at=None)
        )


def _move(
    session: Session,
    mailing_id: int,
    target: MailingState,
    *,
    sources: Collection[MailingState] | None = None,
    reason: Message | None = None,
) -> None:
    row = find_mailing(session, mailing_id)
    moved = session.scalar(
        moving_mailings(target, sources=sources)
        .where(MailingRow.id == mailing_id)
        .values(halt_reason=reason, restored=False)
        .returning(MailingRow.id)
    )
    if moved is None:
        raise ConflictError(
            msg(
                "Mailing {mailing} is in the state “{state}”; it cannot go to “{target}”.",
                mailing=mailing_id,
                state=name_of(row.state),
                target=name_of(target),
            )
        )
