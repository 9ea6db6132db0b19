"""Alarms of mail: late batches, uncertain and failed deliveries, paused mailings, incidents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing, Number, Percent
from newsletter.operations.alarms.model import Alarm, AlarmSeverity, alarm
from newsletter.operations.alarms.routes import known_cause
from newsletter.operations.attention import MOST, UnsettledMailing
from newsletter.operations.overview import Overview

#: Seconds for which due batches may wait, before a warning and before a critical alarm.
_DUE_LATE, _DUE_STUCK = 120, 600


def of_backlog(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of batches that have been due for too long."""
    work = seen.backlog
    for kind, since, name in (
        (
            "urgent-waits",
            work.oldest_urgent_at,
            msg("Urgent email (such as confirmations, invitations or tests)"),
        ),
        ("mail-waits", work.oldest_due_at, msg("Email that is due")),
    ):
        if since is None or (age := (seen.taken_at - since).total_seconds()) < _DUE_LATE:
            continue
        minutes = _minutes(seen, since)
        answered = any(relay.tally.lately for relay in seen.relays)
        flows = seen.per_minute > 0 and kind == "mail-waits"
        severity = AlarmSeverity.CRITICAL if age > _DUE_STUCK else AlarmSeverity.WARNING
        remedy = msg("Check workers and relays; add workers if they cannot keep up.")
        if cause := known_cause(seen):
            remedy = cause
        elif work.leased and not answered:
            remedy = msg(
                "Workers are processing batches, but no relay is responding. Check the relays."
            )
        elif flows:
            # A large list takes long, and longer with a rate limit: this is not a fault.
            severity = AlarmSeverity.NOTE
            remedy = msg(
                "Email is being sent, {rate} a minute. If that is too slow, raise what limits it"
                " (rate= in MAIL_TRANSPORTS, DOMAIN_RATES), or add workers.",
                rate=Number(round(seen.per_minute)),
            )
        yield alarm(
            severity,
            kind,
            msg("{mail} has waited for {minutes} min", mail=name, minutes=minutes),
            remedy,
            section="queues",
        )
    if work.overdue_leases:
        yield alarm(
            AlarmSeverity.WARNING,
            "lease-overdue",
            msg(
                "{overdue_leases} batches belong to workers that stopped responding",
                overdue_leases=work.overdue_leases,
            ),
            msg("The next round takes them up; if this stays, see the control worker."),
            section="queues",
            size=work.overdue_leases,
        )


def of_deliveries(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of deliveries that need a decision."""
    uncertain = sum(mailing.count for mailing in seen.uncertain)
    if uncertain:
        count = _count(uncertain)
        yield alarm(
            AlarmSeverity.WARNING,
            "uncertain",
            msg(
                "Uncertain deliveries that need a decision: {count} (mailing {mailings})",
                count=count,
                mailings=_numbers(seen.uncertain),
            ),
            msg(
                "See first what the relay’s log proves: newsletter mailing settle {mailing_id}"
                " --log FILE. Then decide whether to send the rest again or to mark it as received:"
                " --resend, or --leave.",
                mailing_id=seen.uncertain[0].mailing_id,
            ),
            section="unsettled",
            size=uncertain,
        )
    failed = sum(mailing.count for mailing in seen.failed)
    if failed:
        count = _count(failed)
        yield alarm(
            AlarmSeverity.WARNING,
            "failed",
            msg(
                "Failed deliveries: {count} (mailing {mailings})",
                count=count,
                mailings=_numbers(seen.failed),
            ),
            msg(
                "Check the reasons; retry once the cause is resolved:"
                " newsletter mailing retry {mailing_id}.",
                mailing_id=seen.failed[0].mailing_id,
            ),
            section="unsettled",
            size=failed,
        )


def of_mailings(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of mailings and series that stand still, of complaints, and of incidents."""
    for mailing in seen.halted:
        yield alarm(
            AlarmSeverity.WARNING,
            "mailing-halted",
            msg(
                "Mailing {mailing_id}, {subject}, is paused",
                mailing_id=mailing.mailing_id,
                subject=mailing.subject,
            ),
            msg(
                "Resume or cancel it: newsletter mailing resume {mailing_id}, or newsletter mailing"
                " cancel {mailing_id}. ({reason})",
                mailing_id=mailing.mailing_id,
                reason=mailing.reason,
            )
            if mailing.reason
            else msg(
                "Resume or cancel it: newsletter mailing resume {mailing_id}, or newsletter mailing"
                " cancel {mailing_id}.",
                mailing_id=mailing.mailing_id,
            ),
            where=f"mailing {mailing.mailing_id}",
            section="unsettled",
        )
    for unplanned in seen.unplanned:
        age = (seen.taken_at - unplanned.since).total_seconds()
        if age < _DUE_LATE:
            continue
        yield alarm(
            AlarmSeverity.CRITICAL if age > _DUE_STUCK else AlarmSeverity.WARNING,
            "mailing-unplanned",
            msg(
                "Mailing {mailing_id}, {subject}, should have begun {minutes} min ago",
                mailing_id=unplanned.mailing_id,
                subject=unplanned.subject,
                minutes=_minutes(seen, unplanned.since),
            ),
            msg(
                "Nothing of it has been sent, and its recipients are not chosen yet. Check that the"
                " control worker runs and that the database has space; the worker's log says why it"
                " fails. It begins by itself once that is corrected."
            ),
            where=f"mailing {unplanned.mailing_id}",
            section="unsettled",
        )
    for series in seen.overdue:
        yield alarm(
            AlarmSeverity.WARNING,
            "series-overdue",
            msg(
                "A step of the series “{name}” should have been sent {minutes} min ago",
                name=series.name,
                minutes=_minutes(seen, series.since),
            ),
            msg(
                "Check that a worker and beat run, and that its mailings are not paused; the"
                " worker's log says why a step fails. It is sent by itself once that is corrected,"
                " within 7 days; after that it is skipped."
            ),
            where=f"series {series.series_id}",
            section="unsettled",
        )
    for row in seen.complained:
        yield alarm(
            AlarmSeverity.WARNING,
            "complaints",
            msg(
                "{complaints} recipients ({share}) reported mailing {mailing_id}, {subject}, as"
                " spam within a day",
                mailing_id=row.mailing_id,
                complaints=Number(row.complaints),
                share=Percent(100 * row.share, 1),
                subject=row.subject,
            ),
            msg(
                "Providers block senders from 0.3% on. If it is still being sent, pause it"
                " (newsletter mailing pause {mailing_id}). Check whether everybody on the list"
                " agreed to be sent this.",
                mailing_id=row.mailing_id,
            ),
            where=str(row.mailing_id),
            section="bounces",
            size=row.complaints,
        )
    if waiting := sum(row.count for row in seen.requests):
        yield alarm(
            AlarmSeverity.WARNING,
            "reader-mail",
            msg("Emails from readers that wait for an answer: {count}", count=Number(waiting)),
            msg("Read and answer them on the bounces page."),
            section="bounces",
            size=waiting,
        )
    for incident in seen.incidents:
        yield alarm(
            AlarmSeverity.WARNING,
            "incident",
            msg(
                "Bounce incident: {subject} ({bounced})",
                subject=incident.about,
                bounced=Number(incident.bounced),
            ),
            msg(
                "Decide whether it was an outage or genuine, on the bounces page or by newsletter"
                " bounce settle {incident} --outage, or --genuine.",
                incident=incident.incident_id,
            ),
            where=incident.subject,
            section="bounces",
            size=incident.bounced,
        )


def _numbers(mailings: Sequence[UnsettledMailing]) -> Listing:
    return Listing(tuple(str(each.mailing_id) for each in mailings))


def _minutes(seen: Overview, since: datetime) -> int:
    return max(1, round((seen.taken_at - since).total_seconds() / 60))


def _count(number: int) -> Message | Number:
    """Return a count, with a plus sign if counting stopped there."""
    return msg("{count}+", count=Number(number)) if number >= MOST else Number(number)
