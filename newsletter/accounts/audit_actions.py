"""The vocabulary of the audit log: actions, each with the permission it requires, and details.

Pages have labels for the names of details.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, Self, TypeAlias, TypeGuard, get_args

from newsletter.accounts.permissions import Permission


class Action(StrEnum):
    """An action in the audit log: noun and verb. Values are stored, so never change one.

    Attributes:
        needed: The permission that the actor's roles must have, in the newsletter concerned, or in
            all if there is none. None for actions on one's own account or subscription, automatic
            actions, and actions with rules of their own.
    """

    needed: Permission | None

    def __new__(cls, value: str, needed: Permission | None) -> Self:
        """Create a member with its value and permission."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.needed = needed
        return member

    ACCOUNT_DISABLE = ("account.disable", Permission.ADMINISTER)
    ACCOUNT_ENABLE = ("account.enable", Permission.ADMINISTER)
    ACCOUNT_INVITE = ("account.invite", Permission.ADMINISTER)
    ACCOUNT_JOIN = ("account.join", None)
    ACCOUNT_LINK = ("account.link", Permission.ADMINISTER)
    ACCOUNT_PASSWORD = ("account.password", None)
    ACCOUNT_RECOVERY_CODES = ("account.recovery-codes", None)
    ACCOUNT_ROLES = ("account.roles", Permission.ADMINISTER)
    ACCOUNT_SECOND_FACTOR_OFF = ("account.second-factor-off", None)
    ACCOUNT_SECOND_FACTOR_ON = ("account.second-factor-on", None)
    ACCOUNT_SECOND_FACTOR_RESET = ("account.second-factor-reset", Permission.ADMINISTER)
    ALARM_ACKNOWLEDGE = ("alarm.acknowledge", Permission.OPERATE)
    ALARM_REOPEN = ("alarm.reopen", Permission.OPERATE)
    AUDIT_EXPORT = ("audit.export", Permission.ADMINISTER)
    BOUNCE_UNDO = ("bounce.undo", Permission.SEE_BOUNCES)
    DELIVERY_LEAVE = ("delivery.leave", Permission.OPERATE)
    DELIVERY_PROVE = ("delivery.prove", Permission.OPERATE)
    DELIVERY_RESEND = ("delivery.resend", Permission.OPERATE)
    DELIVERY_RETRY = ("delivery.retry", Permission.OPERATE)
    DICTIONARY_ADD = ("dictionary.add", Permission.WRITE)
    DICTIONARY_REMOVE = ("dictionary.remove", Permission.WRITE)
    DIGEST_OPEN = ("digest.open", None)
    DIGEST_PAUSE = ("digest.pause", Permission.ADMINISTER)
    DIGEST_RESUME = ("digest.resume", Permission.ADMINISTER)
    DOMAIN_HOLD = ("domain.hold", Permission.OPERATE)
    DOMAIN_RELEASE = ("domain.release", Permission.OPERATE)
    FIELD_ADD = ("field.add", Permission.ADMINISTER)
    FIELD_CHANGE = ("field.change", Permission.ADMINISTER)
    FIELD_DELETE = ("field.delete", Permission.ADMINISTER)
    FIELD_ORDER = ("field.order", Permission.ADMINISTER)
    FORM_ADD = ("form.add", Permission.SEE_SUBSCRIBERS)
    FORM_CHANGE = ("form.change", Permission.SEE_SUBSCRIBERS)
    FORM_DELETE = ("form.delete", Permission.SEE_SUBSCRIBERS)
    FORM_SITES = ("form.sites", Permission.ADMINISTER)
    BOUNCE_HANDLE = ("bounce.handle", Permission.SEE_BOUNCES)
    INCIDENT_SETTLE = ("incident.settle", Permission.SEE_BOUNCES)
    ISSUE_APPROVAL_REQUESTED = ("issue.approval-requested", Permission.ASK_APPROVAL)
    ISSUE_APPROVAL_RETURNED = ("issue.approval-returned", Permission.APPROVE)
    ISSUE_APPROVED = ("issue.approved", Permission.APPROVE)
    ISSUE_COMMENT = ("issue.comment", Permission.COMMENT)
    ISSUE_COMMENT_REOPEN = ("issue.comment-reopen", Permission.COMMENT)
    ISSUE_COMMENT_RESOLVE = ("issue.comment-resolve", Permission.COMMENT)
    ISSUE_CORRECT = ("issue.correct", Permission.SEND)
    ISSUE_CORRECTION_BEGIN = ("issue.correction-begin", Permission.WRITE)
    ISSUE_CREATE = ("issue.create", Permission.WRITE)
    ISSUE_DELETE = ("issue.delete", Permission.WRITE)
    ISSUE_DUPLICATE = ("issue.duplicate", Permission.WRITE)
    ISSUE_FILE = ("issue.file", Permission.WRITE)
    ISSUE_IMPORT = ("issue.import", Permission.WRITE)
    ISSUE_OPEN = ("issue.open", Permission.WRITE)
    ISSUE_PICTURE = ("issue.picture", Permission.WRITE)
    ISSUE_PUBLISH = ("issue.publish", Permission.WRITE)
    ISSUE_RESTORE = ("issue.restore", Permission.WRITE)
    ISSUE_TEST = ("issue.test", Permission.TEST)
    ISSUE_TRANSLATION_ADD = ("issue.translation-add", Permission.WRITE)
    ISSUE_TRANSLATION_IMPORT = ("issue.translation-import", Permission.WRITE)
    ISSUE_TRANSLATION_REMOVE = ("issue.translation-remove", Permission.WRITE)
    ISSUE_TRANSLATION_RESTORE = ("issue.translation-restore", Permission.WRITE)
    JOIN_INVITE = ("join.invite", Permission.SEE_SUBSCRIBERS)
    JOIN_REVOKE = ("join.revoke", Permission.SEE_SUBSCRIBERS)
    KEY_FORGET = ("key.forget", Permission.ADMINISTER)
    LIBRARY_CHANGE = ("library.change", Permission.WRITE)
    LIBRARY_DELETE = ("library.delete", Permission.WRITE)
    MAILING_CANCEL = ("mailing.cancel", Permission.CONTROL_MAILINGS)
    MAILING_CORRECTION = ("mailing.correction", Permission.SEND)
    MAILING_DECIDE = ("mailing.decide", Permission.SEND)
    MAILING_EXPORT = ("mailing.export", Permission.SEE_MISSED)
    MAILING_ORDER = ("mailing.order", Permission.SEND)
    MAILING_PAUSE = ("mailing.pause", Permission.CONTROL_MAILINGS)
    MAILING_RESCHEDULE = ("mailing.reschedule", Permission.SEND)
    MAILING_RESUME = ("mailing.resume", Permission.CONTROL_MAILINGS)
    NEWSLETTER_APPROVAL_RULE = ("newsletter.approval-rule", Permission.ADMINISTER)
    NEWSLETTER_CLICK_RULE = ("newsletter.click-rule", Permission.ADMINISTER)
    NEWSLETTER_CREATE = ("newsletter.create", Permission.ADMINISTER)
    NEWSLETTER_DIGEST = ("newsletter.digest", Permission.ADMINISTER)
    NEWSLETTER_LOOK = ("newsletter.look", Permission.ADMINISTER)
    NEWSLETTER_RECURRENCE = ("newsletter.recurrence", Permission.WRITE)
    NEWSLETTER_SETTINGS = ("newsletter.settings", Permission.ADMINISTER)
    PATTERN_DELETE = ("pattern.delete", Permission.WRITE)
    PATTERN_KEEP = ("pattern.keep", Permission.WRITE)
    POLICY_SET = ("policy.set", Permission.ADMINISTER)
    RELAY_HOLD = ("relay.hold", Permission.OPERATE)
    RELAY_RELEASE = ("relay.release", Permission.OPERATE)
    SEGMENT_DELETE = ("segment.delete", Permission.SEGMENT)
    SEGMENT_SAVE = ("segment.save", Permission.SEGMENT)
    SERIES_ACTIVATE = ("series.activate", None)
    SERIES_ADD = ("series.add", Permission.WRITE)
    SERIES_CHANGE = ("series.change", Permission.WRITE)
    SERIES_DELETE = ("series.delete", Permission.WRITE)
    SERIES_END = ("series.end", Permission.CONTROL_MAILINGS)
    SERIES_ENROL = ("series.enrol", None)
    SERIES_PAUSE = ("series.pause", Permission.CONTROL_MAILINGS)
    SERIES_RESUME = ("series.resume", Permission.CONTROL_MAILINGS)
    SERIES_STEP_ADD = ("series.step-add", Permission.WRITE)
    SERIES_STEP_APPLY = ("series.step-apply", None)
    SERIES_STEP_CHANGE = ("series.step-change", Permission.WRITE)
    SERIES_STEP_MOVE = ("series.step-move", Permission.WRITE)
    SERIES_STEP_REMOVE = ("series.step-remove", Permission.WRITE)
    SERIES_TEST = ("series.test", Permission.TEST)
    SESSION_BEGIN = ("session.begin", None)
    SESSION_END = ("session.end", None)
    SESSION_REFUSE = ("session.refuse", None)
    SESSION_REVOKE = ("session.revoke", None)
    SNIPPET_DELETE = ("snippet.delete", Permission.WRITE)
    SNIPPET_SAVE = ("snippet.save", Permission.WRITE)
    ISSUE_ARCHIVE = ("issue.archive", Permission.SEND)
    SUBSCRIBER_ADDRESS = ("subscriber.address", None)
    SUBSCRIBER_ADDRESS_UNDO = ("subscriber.address-undo", None)
    SUBSCRIBER_ADD = ("subscriber.add", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_EDIT = ("subscriber.edit", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_ERASE = ("subscriber.erase", Permission.ADMINISTER)
    SUBSCRIBER_EXPORT = ("subscriber.export", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_IMPORT = ("subscriber.import", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_IMPORT_CANCEL = ("subscriber.import-cancel", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_IMPORT_UNDO = ("subscriber.import-undo", Permission.SEE_SUBSCRIBERS)
    #: The result, in the name of the person who ordered it, even if their roles changed since.
    SUBSCRIBER_IMPORT_UNDONE = ("subscriber.import-undone", None)
    SUBSCRIBER_LIFT = ("subscriber.lift", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_MERGE = ("subscriber.merge", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_NOTE = ("subscriber.note", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_NOTE_CHANGE = ("subscriber.note-change", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_NOTE_DELETE = ("subscriber.note-delete", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_PREFERENCES = ("subscriber.preferences", None)
    SUBSCRIBER_SUPPRESS = ("subscriber.suppress", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_TAG = ("subscriber.tag", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_UNTAG = ("subscriber.untag", Permission.SEE_SUBSCRIBERS)
    SUBSCRIBER_UNSUBSCRIBE = ("subscriber.unsubscribe", Permission.SEE_SUBSCRIBERS)
    SUPPRESSION_LIFT = ("suppression.lift", Permission.OPERATE)
    TEMPLATE_DELETE = ("template.delete", Permission.ADMINISTER)
    TEMPLATE_SAVE = ("template.save", Permission.ADMINISTER)
    TEST_GROUP_SAVE = ("test-group.save", Permission.TEST)
    WORKER_DRAIN = ("worker.drain", Permission.OPERATE)
    WORKER_UNDRAIN = ("worker.undrain", Permission.OPERATE)


#: The actions by their stored names.
ACTIONS: Mapping[str, Action] = {each.value: each for each in Action}


#: These names are stored, so never change one.
Detail: TypeAlias = Literal[
    "accounts",
    "action",
    "actor",
    "address",
    "after",
    "again",
    "alt",
    "approval_required",
    "ask_on_joining",
    "asks_frequency",
    "asks_name",
    "at",
    "basis",
    "because",
    "before",
    "bounce_address",
    "button",
    "changed",
    "comment",
    "complaint_everywhere",
    "condition",
    "contact_url",
    "correction",
    "count_clicks",
    "counted",
    "date",
    "day",
    "days",
    "decide_at",
    "description",
    "design",
    "detail",
    "digest",
    "enrolled",
    "every",
    "everywhere",
    "fields",
    "fields_kept",
    "fields_removed",
    "font",
    "footer",
    "format",
    "former",
    "frequency",
    "from",
    "from_address",
    "from_name",
    "header",
    "heading_font",
    "headings",
    "hour",
    "import",
    "introduction",
    "issue",
    "items",
    "joining",
    "key",
    "labels",
    "language",
    "languages",
    "logo",
    "mailing",
    "mailings",
    "masthead",
    "merged",
    "name",
    "next",
    "note",
    "note_translations",
    "object",
    "offered",
    "options",
    "order",
    "palette",
    "people_kept",
    "people_removed",
    "people_restored",
    "position",
    "postal_address",
    "purpose",
    "query",
    "radius",
    "reader_may_change",
    "readers",
    "recipients",
    "reply_to",
    "required",
    "resolution",
    "retention_days",
    "revision",
    "roles",
    "rows",
    "searched",
    "segment",
    "shares_fields_with",
    "since",
    "size",
    "social",
    "soft_days",
    "soft_limit",
    "spread_seconds",
    "state",
    "step",
    "steps",
    "subject",
    "subjects",
    "success_url",
    "successor",
    "suppressed",
    "tagline",
    "tags",
    "template",
    "text",
    "time_zone",
    "title",
    "trial_share",
    "type",
    "unsubscribe_address",
    "urgent",
    "uses",
    "values",
    "version",
    "visibility",
    "way",
    "website_url",
    "width",
    "without_waiting",
]
DETAILS: frozenset[str] = frozenset(get_args(Detail))


def details_of(fields: Mapping[str, object]) -> dict[Detail, object]:
    """Return fields of a value, such as settings, as details.

    Raises:
        LookupError: A field's name is not in the vocabulary, and has to be added.
    """
    return {_detail(name): value for name, value in fields.items()}


def _detail(name: str) -> Detail:
    if not is_detail(name):
        raise LookupError(name)
    return name


def is_detail(name: str) -> TypeGuard[Detail]:
    """Return whether a name is in the vocabulary."""
    return name in DETAILS
