"""Every lifecycle's words, in one place."""

from __future__ import annotations

from enum import StrEnum


class SubscriptionState(StrEnum):
    """A subscriber's relation to one newsletter."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


class Frequency(StrEnum):
    """How often a subscriber wants what a newsletter sends."""

    EACH = "each"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class DigestDetail(StrEnum):
    """What a digest says of each item of the issues in it."""

    HEADLINES = "headlines"
    #: The headline and the first sentence.
    SUMMARIES = "summaries"
    FULL = "full"


class Joining(StrEnum):
    """Who may ask to join a newsletter."""

    #: Anybody; it is offered to readers of other newsletters.
    PUBLIC = "public"
    #: Whoever knows the address of its form.
    UNLISTED = "unlisted"
    #: Whoever has an invitation link.
    INVITATION = "invitation"


class FieldType(StrEnum):
    """What the values of a field are."""

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
    """Who may find and read a newsletter on the web; its subscribers read it in any case."""

    #: It is listed, and its archive is for everybody.
    PUBLIC = "public"
    #: Its archive is for whoever knows the address.
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
    """Where an issue that was sent stands in its newsletter's archive."""

    #: In the list, the feed, the sitemap and the search.
    LISTED = "listed"
    #: For whoever has its address.
    UNLISTED = "unlisted"
    #: Nowhere; its readers read it by the links of their own mail.
    SUBSCRIBERS = "subscribers"


class SuppressionReason(StrEnum):
    """Why an address never gets mail again."""

    HARD_BOUNCE = "hard-bounce"
    #: Mail came back softly too often in a row.
    SOFT_BOUNCES = "soft-bounces"
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
    #: At the provider that sends for us, which told us so.
    PROVIDER = "provider"
    #: Elsewhere, as a list said that was imported.
    LIST = "list"
    #: To be written to at another address.
    ADDRESS_CHANGE = "address-change"
    #: The staff merged them with somebody else.
    MERGE = "merge"


class GrowthCause(StrEnum):
    """By what a newsletter got more readers, or fewer."""

    FORM = "form"
    MAIL = "mail"
    #: By a list that was imported.
    IMPORT = "import"
    #: By an import that was undone, on the day of the import: what that brought and ended counts
    #: as nothing.
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
    #: Unsubscribed or suppressed by the staff, or let back by them.
    STAFF = "staff"
    ERASED = "erased"
    ADDRESS_CHANGE = "address-change"
    #: Two people of the list became one.
    MERGE = "merge"


class LeaveReason(StrEnum):
    """Why somebody left, as they said of their own accord after leaving."""

    TOO_MANY = "too-many"
    NOT_RELEVANT = "not-relevant"
    NEVER_JOINED = "never-joined"
    HARD_TO_READ = "hard-to-read"
    ELSEWHERE = "elsewhere"
    OTHER = "other"


class ConsentStep(StrEnum):
    """What somebody did towards a subscription; each is a row of the consent record."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"


class MailingKind(StrEnum):
    """What a mailing is: to an audience an issue, a digest or a step; a notice, or a test.

    A correction goes to those who have a faulty copy of an issue.
    """

    ISSUE = "issue"
    CORRECTION = "correction"
    #: What came since the last one, to those who chose so.
    DIGEST = "digest"
    #: A version of a series' step, open for whoever comes to it.
    SERIES = "series"
    NOTICE = "notice"
    TEST = "test"

    @property
    def is_to_list(self) -> bool:
        """Whether it goes to subscribers as such, not to somebody who was named."""
        return self in TO_LIST


#: What goes out once to all who get it.
EDITIONS = frozenset({MailingKind.ISSUE, MailingKind.DIGEST, MailingKind.CORRECTION})
TO_LIST = EDITIONS | {MailingKind.SERIES}


class MailingState(StrEnum):
    """Where a mailing stands."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PLANNING = "planning"
    SENDING = "sending"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


#: Where a mailing stays.
OVER = frozenset({MailingState.CANCELLED, MailingState.FINISHED})


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
    """Where a batch stands; its lease is what a worker holds while it sends.

    What is held waits for the decision which subject its readers get.
    """

    HELD = "held"
    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"


class TrialVerdict(StrEnum):
    """Why one of several subjects was chosen for those who were not in the trial."""

    BEST = "best"
    NO_DIFFERENCE = "no-difference"
    FEW_CLICKS = "few-clicks"
    BY_HAND = "by-hand"


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
    #: The other side goes on trying.
    DELAY = "delay"
    AUTO_REPLY = "auto-reply"
    #: Somebody left at the provider that sends for us.
    UNSUBSCRIBE = "unsubscribe"
    #: Somebody asks by mail to leave, and nothing proves whose mail it is about.
    REQUEST = "request"
    #: A reader answered a mail of ours, in words that no program reads.
    ANSWER = "answer"
    #: Nobody could read it; its raw form is kept.
    UNKNOWN = "unknown"


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
    #: Of an issue that was sent, by a correction of it.
    CORRECTED = "corrected"


class SeriesTrigger(StrEnum):
    """What begins a series for a reader."""

    JOINED = "joined"
    TAG = "tag"
    #: A day that a field of theirs holds.
    DATE = "date"


class SeriesState(StrEnum):
    """Where a series stands."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class EnrolmentState(StrEnum):
    """Where a reader stands in a series."""

    ACTIVE = "active"
    #: They came to its end.
    FINISHED = "finished"
    #: It ended for them before; see `EnrolmentEnd`.
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
    #: On a day of the month, or its last where it is shorter.
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
    """What a one-time link of an account lets its holder do."""

    FIRST = "first"
    INVITE = "invite"
    RESET = "reset"


class ImportedKind(StrEnum):
    """What an import added."""

    #: A person, with a subscription.
    PERSON = "person"
    #: A subscription of somebody who was known already.
    SUBSCRIPTION = "subscription"
    SUPPRESSION = "suppression"
    #: A person whom it changed, once nothing else is kept of the change.
    CHANGE = "change"

    @classmethod
    def of_people(cls) -> tuple[ImportedKind, ...]:
        """Return the kinds of those whom it put on the list."""
        return (cls.PERSON, cls.SUBSCRIPTION)


class ListUploadState(StrEnum):
    """How far a list has come that was brought by a browser."""

    #: Kept; nobody said yet how it is to be taken.
    BROUGHT = "brought"
    #: Waiting for a worker.
    QUEUED = "queued"
    IMPORTING = "importing"
    FINISHED = "finished"
    #: It cannot be imported further as it is.
    FAILED = "failed"
    #: A person stopped it.
    CANCELLED = "cancelled"


class ProcessKind(StrEnum):
    """What gives a sign of life."""

    WORKER = "worker"
    BEAT = "beat"


class TallyScope(StrEnum):
    """By what outcomes are counted up as they happen."""

    #: By relay, a minute a row.
    RELAY = "relay"
    #: By recipient domain, an hour a row: there are many domains.
    DOMAIN = "domain"


class FeedbackAction(StrEnum):
    """What followed from a bounce or complaint."""

    #: The address gets no more mail.
    SUPPRESSED = "suppressed"
    #: The subscription was ended, without suppressing the address.
    UNSUBSCRIBED = "unsubscribed"
    #: A soft bounce, counted towards the limit.
    COUNTED = "counted"
    #: Part of a wave: nothing follows until an operator closes the incident.
    HELD = "held"
    #: Held for a wave that said nothing about the person.
    EXCUSED = "excused"
    #: It says nothing against the address: a delay, an answer, a refusal of the sender.
    NOTED = "noted"
    #: It names nobody we know.
    UNMATCHED = "unmatched"
    #: It claims a delivery by a signature that is not ours.
    FORGED = "forged"
    #: A reader asks or writes something: an operator has to look at it.
    ASKED = "asked"
    #: Such a mail, of which an operator said what became of it.
    HANDLED = "handled"


class IncidentKind(StrEnum):
    """What a wave of bounces is about."""

    DOMAIN = "domain"
    MAILING = "mailing"


class IncidentResolution(StrEnum):
    """What an operator found a wave to be."""

    #: The addresses are dead after all: its bounces are judged one by one.
    GENUINE = "genuine"
    #: An outage or a block: its bounces say nothing about the people.
    OUTAGE = "outage"


class LibraryKind(StrEnum):
    """What a newsletter's library keeps."""

    PICTURE = "picture"
    FILE = "file"


class ContentUser(StrEnum):
    """What can lead to a picture or file."""

    DRAFT = "draft"
    ISSUE = "issue"
    #: What it froze when it was made.
    MAILING = "mailing"
    PATTERN = "pattern"
    SNIPPET = "snippet"
    LOOK = "look"
    #: Mails of joining and of approval, all of a newsletter's together.
    NOTICE = "notice"
