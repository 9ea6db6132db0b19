"""The enumerations that are stored in the database: states, kinds and reasons."""

from __future__ import annotations

from enum import StrEnum


class SubscriptionState(StrEnum):
    """A subscriber's relation to one newsletter."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


class Frequency(StrEnum):
    """How often a subscriber wants mail of a newsletter."""

    EACH = "each"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class DigestDetail(StrEnum):
    """How much of each item a digest contains."""

    HEADLINES = "headlines"
    #: The headline and the first sentence.
    SUMMARIES = "summaries"
    FULL = "full"


class Joining(StrEnum):
    """Who may request to join a newsletter."""

    #: Anybody; the newsletter is offered to readers of other newsletters.
    PUBLIC = "public"
    #: Anybody who knows the address of its form.
    UNLISTED = "unlisted"
    #: People with an invitation link.
    INVITATION = "invitation"


class FieldType(StrEnum):
    """The type of a field's values."""

    TEXT = "text"
    NUMBER = "number"
    #: A day, without a time.
    DATE = "date"
    #: One of the field's options.
    CHOICE = "choice"
    #: Any of the field's options.
    CHOICES = "choices"
    YES_NO = "yes_no"

    @property
    def has_options(self) -> bool:
        """Whether its values are chosen from a list."""
        return self in {FieldType.CHOICE, FieldType.CHOICES}


class Visibility(StrEnum):
    """Who may find and read a newsletter on the web; subscribers always may."""

    #: It is listed, and everybody may read its archive.
    PUBLIC = "public"
    #: Not listed; anybody who knows the address may read its archive.
    UNLISTED = "unlisted"
    #: It has no archive.
    PRIVATE = "private"

    @property
    def listed(self) -> bool:
        """Whether lists and the sitemap name it."""
        return self is Visibility.PUBLIC

    @property
    def readable(self) -> bool:
        """Whether its archive and feed answer."""
        return self is not Visibility.PRIVATE


class Archived(StrEnum):
    """Whether and how the archive shows a sent issue."""

    #: In the list, the feed, the sitemap and the search.
    LISTED = "listed"
    #: Only at its own address.
    UNLISTED = "unlisted"
    #: Not in the archive; its readers can open it by the links in their mail.
    SUBSCRIBERS = "subscribers"


class SuppressionReason(StrEnum):
    """Why an address is suppressed."""

    HARD_BOUNCE = "hard-bounce"
    #: Too many consecutive mailings had soft bounces.
    SOFT_BOUNCES = "soft-bounces"
    COMPLAINT = "complaint"
    MANUAL = "manual"
    ERASED = "erased"


class UnsubscribeWay(StrEnum):
    """The way in which a subscription ended."""

    ONE_CLICK = "one-click"
    PAGE = "page"
    MAIL = "mail"
    API = "api"
    OPERATOR = "operator"
    COMPLAINT = "complaint"
    #: Reported by the provider that sends for us.
    PROVIDER = "provider"
    #: In another system, according to an imported list.
    LIST = "list"
    #: The reader changed to another address.
    ADDRESS_CHANGE = "address-change"
    #: The staff merged two subscribers.
    MERGE = "merge"


class GrowthCause(StrEnum):
    """The cause of a change in the number of readers."""

    FORM = "form"
    MAIL = "mail"
    #: An imported list.
    IMPORT = "import"
    #: An undone import, dated on the day of the import, so that both cancel out.
    UNDO = "undo"
    #: Added by the staff, one at a time.
    HAND = "hand"
    #: The one click that mail programs offer.
    CLICK = "click"
    #: The page that a mail's links lead to.
    PAGE = "page"
    API = "api"
    COMPLAINT = "complaint"
    BOUNCE = "bounce"
    #: The staff unsubscribed or suppressed them, or lifted that.
    STAFF = "staff"
    ERASED = "erased"
    ADDRESS_CHANGE = "address-change"
    #: Two subscribers were merged.
    MERGE = "merge"


class LeaveReason(StrEnum):
    """The reason that a person chose after unsubscribing."""

    TOO_MANY = "too-many"
    NOT_RELEVANT = "not-relevant"
    NEVER_JOINED = "never-joined"
    HARD_TO_READ = "hard-to-read"
    ELSEWHERE = "elsewhere"
    OTHER = "other"


class ConsentStep(StrEnum):
    """A step of consent; each is a row of the consent record."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"


class MailingKind(StrEnum):
    """The kind of a mailing."""

    ISSUE = "issue"
    CORRECTION = "correction"
    #: The issues since the last digest, to subscribers who chose digests.
    DIGEST = "digest"
    #: A version of a series' step, to which readers are added when they are due.
    SERIES = "series"
    NOTICE = "notice"
    TEST = "test"

    @property
    def is_to_list(self) -> bool:
        """Whether it is sent to subscribers, and not to particular addresses."""
        return self in TO_LIST


#: The kinds that are sent once to their whole audience.
EDITIONS = frozenset({MailingKind.ISSUE, MailingKind.DIGEST, MailingKind.CORRECTION})
TO_LIST = EDITIONS | {MailingKind.SERIES}


class MailingState(StrEnum):
    """The state of a mailing."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PLANNING = "planning"
    SENDING = "sending"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


#: The final states of mailings.
OVER = frozenset({MailingState.CANCELLED, MailingState.FINISHED})


class DeliveryState(StrEnum):
    """The state of a delivery in the ledger."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNCERTAIN = "uncertain"


class BatchState(StrEnum):
    """The state of a batch.

    ``LEASED`` means that a worker is sending it; ``HELD`` that the subject is not chosen yet.
    """

    HELD = "held"
    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"


class TrialVerdict(StrEnum):
    """Why a subject was chosen at the end of a trial."""

    BEST = "best"
    NO_DIFFERENCE = "no-difference"
    FEW_CLICKS = "few-clicks"
    BY_HAND = "by-hand"


class UncertainPolicy(StrEnum):
    """What is done with uncertain deliveries."""

    ASK = "ask"
    RESEND = "resend"
    LEAVE = "leave"


class BounceKind(StrEnum):
    """The kind of a report or letter."""

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"
    #: The receiving server continues to try.
    DELAY = "delay"
    AUTO_REPLY = "auto-reply"
    #: An unsubscription reported by the provider that sends for us.
    UNSUBSCRIBE = "unsubscribe"
    #: A letter that asks to unsubscribe, without proof of the delivery it is about.
    REQUEST = "request"
    #: A reader's reply that only a person can understand.
    ANSWER = "answer"
    #: No parser could read it; the original is kept.
    UNKNOWN = "unknown"


class BounceSource(StrEnum):
    """The way in which a report was received."""

    SMTP = "smtp"
    MAIL = "mail"
    WEBHOOK = "webhook"


class RevisionKind(StrEnum):
    """The cause of a draft's revision."""

    AUTOSAVED = "autosaved"
    SAVED = "saved"
    IMPORTED = "imported"
    FIXED = "fixed"
    RESTORED = "restored"
    #: A correction of the sent issue took effect.
    CORRECTED = "corrected"


class SeriesTrigger(StrEnum):
    """The event that begins a series for a reader."""

    JOINED = "joined"
    TAG = "tag"
    #: The date in one of their fields.
    DATE = "date"


class SeriesState(StrEnum):
    """The state of a series."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class EnrolmentState(StrEnum):
    """The state of a reader in a series."""

    ACTIVE = "active"
    #: They got the last step.
    FINISHED = "finished"
    #: It ended before the last step; see `EnrolmentEnd`.
    ENDED = "ended"


class EnrolmentEnd(StrEnum):
    """Why a series ended for a reader before its last step."""

    LEFT = "left"
    SUPPRESSED = "suppressed"
    #: They no longer meet the series' condition.
    CONDITION = "condition"
    SERIES_ENDED = "series-ended"


class Every(StrEnum):
    """How often a newsletter appears."""

    WEEK = "week"
    TWO_WEEKS = "two-weeks"
    #: On a day of the month, or the last day of shorter months.
    MONTH_DAY = "month-day"
    #: On a weekday of the month, such as the second Tuesday.
    MONTH_WEEKDAY = "month-weekday"


class Role(StrEnum):
    """What an account may do; each is granted for one newsletter or for all."""

    EDITOR = "editor"
    APPROVER = "approver"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class InvitationPurpose(StrEnum):
    """The purpose of an account's one-time link."""

    FIRST = "first"
    INVITE = "invite"
    RESET = "reset"


class ImportedKind(StrEnum):
    """The kind of a row that an import added."""

    #: A person, with a subscription.
    PERSON = "person"
    #: A subscription of an existing person.
    SUBSCRIPTION = "subscription"
    SUPPRESSION = "suppression"
    #: A changed person, after the earlier values were deleted.
    CHANGE = "change"

    @classmethod
    def of_people(cls) -> tuple[ImportedKind, ...]:
        """Return the kinds of people that were added to the list."""
        return (cls.PERSON, cls.SUBSCRIPTION)


class ListUploadState(StrEnum):
    """The state of an uploaded list."""

    #: Uploaded; the settings of the import are not chosen yet.
    BROUGHT = "brought"
    #: Waiting for a worker.
    QUEUED = "queued"
    IMPORTING = "importing"
    FINISHED = "finished"
    #: The import failed.
    FAILED = "failed"
    #: Cancelled by a person.
    CANCELLED = "cancelled"


class ProcessKind(StrEnum):
    """The kind of a process with heartbeats."""

    WORKER = "worker"
    BEAT = "beat"


class TallyScope(StrEnum):
    """The scope of a tally."""

    #: By relay, one row per minute.
    RELAY = "relay"
    #: By recipient domain, one row per hour, since there are many domains.
    DOMAIN = "domain"


class FeedbackAction(StrEnum):
    """The consequence of a bounce, complaint or letter."""

    #: The address was suppressed.
    SUPPRESSED = "suppressed"
    #: The subscription ended; the address was not suppressed.
    UNSUBSCRIBED = "unsubscribed"
    #: A soft bounce, counted towards the limit.
    COUNTED = "counted"
    #: Part of an incident: consequences wait until an operator closes it.
    HELD = "held"
    #: Part of an incident that did not concern the person: no consequence.
    EXCUSED = "excused"
    #: Nothing against the address: a delay, an automatic reply, or a rejection of the sender.
    NOTED = "noted"
    #: The address is not known here.
    UNMATCHED = "unmatched"
    #: It names a delivery with an invalid signature.
    FORGED = "forged"
    #: A reader's letter that an operator has to read.
    ASKED = "asked"
    #: A reader's letter that an operator has dealt with.
    HANDLED = "handled"


class IncidentKind(StrEnum):
    """What the subject of an incident is."""

    DOMAIN = "domain"
    MAILING = "mailing"


class IncidentResolution(StrEnum):
    """An operator's decision about an incident."""

    #: The bounces are genuine and are judged one by one.
    GENUINE = "genuine"
    #: An outage or a block: the bounces have no consequences for the recipients.
    OUTAGE = "outage"


class LibraryKind(StrEnum):
    """The kind of an item in a newsletter's library."""

    PICTURE = "picture"
    FILE = "file"


class ContentUser(StrEnum):
    """The kinds of things that can use a picture or file."""

    DRAFT = "draft"
    ISSUE = "issue"
    #: The stored content of a mailing.
    MAILING = "mailing"
    PATTERN = "pattern"
    SNIPPET = "snippet"
    LOOK = "look"
    #: Notices, of joining or approval; one entry for all notices of a newsletter.
    NOTICE = "notice"
