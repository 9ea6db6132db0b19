"""The names of the vocabulary's members, for pages and commands."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from newsletter.database.vocabulary import (
    Archived,
    BounceKind,
    DeliveryState,
    EnrolmentEnd,
    EnrolmentState,
    FeedbackAction,
    FieldType,
    Frequency,
    GrowthCause,
    IncidentResolution,
    Joining,
    LeaveReason,
    MailingState,
    ProcessKind,
    Role,
    SeriesState,
    SubscriptionState,
    SuppressionReason,
    TrialVerdict,
)
from newsletter.i18n.messages import Message, msg, pmsg, written

_NAMES: Mapping[type[StrEnum], Mapping[str, Message]] = {
    DeliveryState: {
        "queued": msg("Queued"),
        "sending": msg("Sending"),
        "accepted": msg("Accepted"),
        "deferred": msg("Deferred"),
        "rejected": msg("Rejected"),
        "failed": msg("Failed"),
        "skipped": msg("Skipped"),
        "uncertain": msg("Uncertain"),
    },
    Frequency: {
        "each": msg("Each issue"),
        "weekly": msg("Weekly digest"),
        "monthly": msg("Monthly digest"),
    },
    MailingState: {
        "draft": msg("Draft"),
        "scheduled": msg("Scheduled"),
        "planning": msg("Planning"),
        "sending": pmsg("mailing", "Sending"),
        "paused": msg("Paused"),
        "cancelled": msg("Cancelled"),
        "finished": msg("Finished"),
    },
    SeriesState: {
        "draft": msg("Draft"),
        "active": pmsg("series", "Active"),
        "paused": msg("Paused"),
        "ended": pmsg("series", "Ended"),
    },
    EnrolmentState: {
        "active": pmsg("reader in a series", "Under way"),
        "finished": pmsg("reader in a series", "Completed"),
        "ended": pmsg("reader in a series", "Ended early"),
    },
    EnrolmentEnd: {
        "left": msg("Unsubscribed"),
        "suppressed": msg("Address suppressed"),
        "condition": msg("Condition no longer met"),
        "series-ended": msg("Series ended"),
    },
    Archived: {
        "listed": pmsg("archive", "Listed"),
        "unlisted": pmsg("archive", "Unlisted: only by its address"),
        "subscribers": pmsg("archive", "Subscribers only, by their mail"),
    },
    FieldType: {
        "text": pmsg("field", "Text"),
        "number": pmsg("field", "Number"),
        "date": pmsg("field", "Date"),
        "choice": msg("One of several options"),
        "choices": msg("Any of several options"),
        "yes_no": msg("Yes or no"),
    },
    Joining: {
        "public": msg("Public: offered to all readers"),
        "unlisted": msg("Unlisted: by a form’s address"),
        "invitation": msg("By invitation: with a link only"),
    },
    GrowthCause: {
        "form": msg("Subscribe form"),
        "mail": pmsg("growth", "By mail"),
        "import": pmsg("growth", "Imported list"),
        "undo": pmsg("growth", "Imported list undone"),
        "hand": pmsg("growth", "Added by hand"),
        "click": pmsg("growth", "One click in a mail program"),
        "page": pmsg("growth", "Page behind a link in a mail"),
        "api": written("API"),
        "complaint": msg("Complaint"),
        "bounce": pmsg("growth", "Suppressed after bounces"),
        "staff": pmsg("growth", "By the staff"),
        "erased": pmsg("growth", "Data erased on request"),
        "address-change": msg("Change of address"),
        "merge": pmsg("growth", "Merged by the staff"),
    },
    SubscriptionState: {
        "pending": msg("Unconfirmed"),
        "confirmed": msg("Subscribed"),
        "unsubscribed": msg("Unsubscribed"),
    },
    SuppressionReason: {
        "hard-bounce": msg("Hard bounce"),
        "soft-bounces": msg("Repeated soft bounces"),
        "complaint": msg("Complaint"),
        "manual": msg("By hand"),
        "erased": msg("Erased"),
    },
    BounceKind: {
        "hard": msg("Hard bounce"),
        "soft": msg("Soft bounce"),
        "complaint": msg("Complaint"),
        "delay": msg("Delay"),
        "auto-reply": msg("Automatic reply"),
        "unsubscribe": msg("Unsubscribe request"),
        "request": msg("Unproven request to leave"),
        "answer": msg("Answer from a reader"),
        "unknown": msg("Unreadable"),
    },
    FeedbackAction: {
        "suppressed": msg("Suppressed"),
        "unsubscribed": msg("Unsubscribed"),
        "counted": msg("Counted"),
        "held": msg("On hold"),
        "excused": pmsg("bounce", "Not counted"),
        "noted": msg("Recorded"),
        "unmatched": msg("No delivery found"),
        "forged": msg("Forged"),
        "asked": msg("Waiting for an answer"),
        "handled": pmsg("request", "Answered"),
    },
    LeaveReason: {
        "too-many": msg("Too many emails"),
        "not-relevant": msg("The content is no longer relevant to me"),
        "elsewhere": msg("I read it elsewhere, such as on the web"),
        "hard-to-read": msg("It is hard to read"),
        "never-joined": msg("I do not remember subscribing"),
        "other": msg("Another reason"),
    },
    IncidentResolution: {
        "genuine": msg("Genuine bounces"),
        "outage": msg("Outage"),
    },
    TrialVerdict: {
        "best": pmsg("subject", "Clicked most"),
        "no-difference": pmsg("subject", "No clear difference"),
        "few-clicks": pmsg("subject", "Too few clicks"),
        "by-hand": pmsg("subject", "Decided by hand"),
    },
    Role: {
        "editor": msg("Editor"),
        "approver": msg("Approver"),
        "operator": msg("Operator"),
        "administrator": msg("Administrator"),
    },
    ProcessKind: {"worker": msg("worker"), "beat": written("beat")},
}


def name_of(word: StrEnum) -> Message:
    """Return the name of a member of the vocabulary."""
    return _NAMES[type(word)][word.value]
