"""Every lifecycle's words, in one place."""

from __future__ import annotations

from enum import StrEnum


class SubscriptionState(StrEnum):
    """A subscriber's relation to one newsletter."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


class SuppressionReason(StrEnum):
    """Why an address never gets mail again."""

    HARD_BOUNCE = "hard-bounce"
    COMPLAINT = "complaint"
    MANUAL = "manual"
    ERASED = "erased"


class UnsubscribeWay(StrEnum):
    """By which way somebody left."""

    ONE_CLICK = "one-click"
    PAGE = "page"
    MAIL = "mail"
    API = "api"
    OPERATOR = "operator"
    COMPLAINT = "complaint"


class ConsentStep(StrEnum):
    """What somebody did towards a subscription; each is a row of the consent record."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"


class MailingKind(StrEnum):
    """What a mailing is: an issue to its audience, a notice to one person, or a test."""

    ISSUE = "issue"
    NOTICE = "notice"
    TEST = "test"


class MailingState(StrEnum):
    """Where a mailing stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PLANNING = "planning"
    SENDING = "sending"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class DeliveryState(StrEnum):
    """Where one delivery stands in the ledger."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNCERTAIN = "uncertain"


class BatchState(StrEnum):
    """Where a batch stands; its lease is what a worker holds while it sends."""

    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"


class UncertainPolicy(StrEnum):
    """What becomes of deliveries of which SMTP cannot tell whether they arrived."""

    ASK = "ask"
    RESEND = "resend"
    LEAVE = "leave"


class BounceKind(StrEnum):
    """What came back."""

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"


class BounceSource(StrEnum):
    """By which way it came back."""

    SMTP = "smtp"
    MAIL = "mail"
    WEBHOOK = "webhook"


class RevisionKind(StrEnum):
    """How a revision of a draft came to be."""

    AUTOSAVED = "autosaved"
    SAVED = "saved"
    IMPORTED = "imported"
    FIXED = "fixed"
    RESTORED = "restored"


class Role(StrEnum):
    """What an account may do; each is granted for one newsletter or for all."""

    EDITOR = "editor"
    APPROVER = "approver"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class InvitationPurpose(StrEnum):
    """What a one-time link of an account lets its holder do."""

    FIRST = "first"
    INVITE = "invite"
    RESET = "reset"


class ProcessKind(StrEnum):
    """What gives a sign of life."""

    WORKER = "worker"
    BEAT = "beat"
