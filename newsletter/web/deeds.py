"""What the audit log's actions are called on its page; the log itself keeps their codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from newsletter.accounts.audit import Action
from newsletter.database.vocabulary import Role
from newsletter.database.words import name_of
from newsletter.i18n.messages import Message, msg, pmsg, written

DEEDS: Mapping[Action, Message] = {
    Action.ACCOUNT_DISABLE: msg("Account disabled"),
    Action.ACCOUNT_ENABLE: msg("Account enabled"),
    Action.ACCOUNT_INVITE: pmsg("audit", "Invited"),
    Action.ACCOUNT_JOIN: msg("Joined"),
    Action.ACCOUNT_LINK: msg("Link made"),
    Action.ACCOUNT_PASSWORD: msg("Password changed"),
    Action.ACCOUNT_RECOVERY_CODES: msg("Recovery codes regenerated"),
    Action.ACCOUNT_ROLES: msg("Roles changed"),
    Action.ACCOUNT_SECOND_FACTOR_OFF: msg("Second factor off"),
    Action.ACCOUNT_SECOND_FACTOR_RESET: msg("Second factor reset"),
    Action.ACCOUNT_SECOND_FACTOR_ON: msg("Second factor on"),
    Action.AUDIT_EXPORT: msg("Audit log exported"),
    Action.BOUNCE_UNDO: msg("Bounce undone"),
    Action.DELIVERY_LEAVE: msg("Marked as received"),
    Action.DELIVERY_PROVE: msg("Settled by evidence"),
    Action.DELIVERY_RESEND: msg("Uncertain, sent again"),
    Action.DELIVERY_RETRY: msg("Failed, sent again"),
    Action.DOMAIN_HOLD: msg("Domain put on hold"),
    Action.DOMAIN_RELEASE: msg("Domain released"),
    Action.FIELD_ADD: msg("Field added"),
    Action.FIELD_CHANGE: msg("Field changed"),
    Action.FIELD_DELETE: msg("Field deleted"),
    Action.FIELD_ORDER: msg("Fields reordered"),
    Action.FORM_ADD: msg("Form added"),
    Action.FORM_CHANGE: msg("Form changed"),
    Action.FORM_DELETE: msg("Form deleted"),
    Action.FORM_SITES: msg("Websites for forms changed"),
    Action.INCIDENT_SETTLE: msg("Incident settled"),
    Action.ISSUE_APPROVAL_REQUESTED: msg("Approval requested"),
    Action.ISSUE_APPROVAL_RETURNED: msg("Returned"),
    Action.ISSUE_APPROVED: pmsg("audit", "Approved"),
    Action.ISSUE_COMMENT: msg("Commented on"),
    Action.ISSUE_COMMENT_REOPEN: msg("Comment reopened"),
    Action.ISSUE_COMMENT_RESOLVE: msg("Comment resolved"),
    Action.ISSUE_CREATE: msg("Issue created"),
    Action.ISSUE_DELETE: msg("Draft deleted"),
    Action.ISSUE_DUPLICATE: msg("Issue duplicated"),
    Action.ISSUE_FILE: msg("File added"),
    Action.ISSUE_IMPORT: msg("Issue imported"),
    Action.ISSUE_OPEN: msg("Draft opened by the rhythm"),
    Action.ISSUE_PICTURE: msg("Picture added"),
    Action.ISSUE_PUBLISH: msg("Issue prepared"),
    Action.ISSUE_RESTORE: msg("Revision restored"),
    Action.ISSUE_TEST: msg("Test sent"),
    Action.KEY_FORGET: msg("Signing key given up"),
    Action.MAILING_CANCEL: msg("Mailing cancelled"),
    Action.MAILING_EXPORT: msg("Undelivered exported"),
    Action.MAILING_ORDER: msg("Mailing ordered"),
    Action.MAILING_PAUSE: msg("Mailing paused"),
    Action.MAILING_RESUME: msg("Mailing resumed"),
    Action.NEWSLETTER_APPROVAL_RULE: msg("Approval rule changed"),
    Action.NEWSLETTER_CLICK_RULE: msg("Click rule changed"),
    Action.NEWSLETTER_CREATE: msg("Newsletter created"),
    Action.NEWSLETTER_LOOK: msg("Look changed"),
    Action.NEWSLETTER_RHYTHM: msg("Rhythm changed"),
    Action.NEWSLETTER_SETTINGS: msg("Settings changed"),
    Action.LIBRARY_CHANGE: msg("Picture or file renamed"),
    Action.LIBRARY_DELETE: msg("Picture or file deleted"),
    Action.PATTERN_DELETE: msg("Pattern deleted"),
    Action.PATTERN_KEEP: msg("Pattern kept"),
    Action.POLICY_SET: msg("Bounce policy changed"),
    Action.RELAY_HOLD: msg("Relay put on hold"),
    Action.RELAY_RELEASE: msg("Relay released"),
    Action.SEGMENT_DELETE: msg("Segment deleted"),
    Action.SEGMENT_SAVE: msg("Segment saved"),
    Action.SNIPPET_DELETE: msg("Snippet deleted"),
    Action.SNIPPET_SAVE: msg("Snippet saved"),
    Action.ISSUE_ARCHIVE: msg("Place in the archive changed"),
    Action.SESSION_BEGIN: msg("Signed in"),
    Action.SESSION_END: msg("Signed out"),
    Action.SESSION_REFUSE: msg("Sign-in refused"),
    Action.SESSION_REVOKE: msg("Session revoked"),
    Action.SUBSCRIBER_ADD: msg("Subscriber added"),
    Action.SUBSCRIBER_EDIT: msg("Subscriber edited"),
    Action.SUBSCRIBER_ADDRESS: msg("Address changed"),
    Action.SUBSCRIBER_ADDRESS_UNDO: msg("Change of address undone"),
    Action.SUBSCRIBER_ERASE: msg("Subscriber erased"),
    Action.SUBSCRIBER_EXPORT: msg("Subscribers exported"),
    Action.SUBSCRIBER_IMPORT_CANCEL: msg("Import cancelled"),
    Action.SUBSCRIBER_IMPORT_UNDO: msg("Import undone"),
    Action.SUBSCRIBER_IMPORT: msg("List imported"),
    Action.SUBSCRIBER_LIFT: msg("Suppression lifted"),
    Action.SUBSCRIBER_SUPPRESS: pmsg("audit", "Suppressed"),
    Action.SUBSCRIBER_UNSUBSCRIBE: pmsg("audit", "Unsubscribed"),
    Action.SUPPRESSION_LIFT: msg("Suppression lifted"),
    Action.TEMPLATE_DELETE: msg("Template deleted"),
    Action.TEMPLATE_SAVE: msg("Template saved"),
    Action.TEST_GROUP_SAVE: msg("Test group saved"),
    Action.WORKER_DRAIN: msg("Worker drained"),
    Action.WORKER_UNDRAIN: msg("Worker goes on"),
}

#: What was acted on: the log keeps a kind and a name, such as ``mailing 12``.
_OBJECTS: Mapping[str, Callable[[str], Message]] = {
    "account": lambda name: msg("account {name}", name=name),
    "bounce": lambda name: msg("bounce {name}", name=name),
    "domain": lambda name: msg("domain {name}", name=name),
    "draft": lambda name: msg("draft {name}", name=name),
    "form": lambda name: msg("form {name}", name=name),
    "incident": lambda name: msg("incident {name}", name=name),
    "issue": lambda name: msg("issue {name}", name=name),
    "key": lambda name: msg("key {name}", name=name),
    "field": lambda name: msg("field {name}", name=name),
    "mailing": lambda name: msg("mailing {name}", name=name),
    "newsletter": lambda name: msg("newsletter {name}", name=name),
    "relay": lambda name: msg("relay {name}", name=name),
    "segment": lambda name: msg("segment {name}", name=name),
    "subscriber": lambda name: msg("subscriber {name}", name=name),
    "suppression": lambda name: msg("suppression {name}", name=name),
    "worker": lambda name: msg("worker {name}", name=name),
}
#: What the product itself writes for a person or a reason, by the code that the log keeps.
_CODES: Mapping[str, Message] = {
    "command line": msg("Command line"),
    "not signed in": msg("Not signed in"),
    "reader": msg("Reader"),
    "by one-time link": msg("By one-time link"),
    "by command": msg("By command"),
    "held by command": msg("Put on hold by command"),
    "asked to leave": msg("Asked to unsubscribe"),
    **{role.value: name_of(role) for role in Role},
}
_DETAILS: Mapping[str, Message] = {
    "address": msg("Address"),
    "addresses": msg("Addresses"),
    "action": msg("Action"),
    "after": pmsg("audit", "After"),
    "basis": msg("Basis of consent"),
    "before": pmsg("audit", "Before"),
    "changed": pmsg("audit", "Changed"),
    "counted": msg("Clicks counted"),
    "digest": msg("Checksum"),
    "format": msg("Format"),
    "from": msg("Source"),
    "issue": msg("Issue"),
    "query": msg("Query"),
    "recipients": msg("Recipients"),
    "required": msg("Approval required"),
    "resolution": msg("Resolution"),
    "revision": msg("Revision"),
    "roles": msg("Roles"),
    "rows": msg("Rows"),
    "segment": msg("Segment"),
    "state": msg("State"),
    "title": msg("Title"),
    "way": msg("By way of"),
}


def object_of(recorded: str) -> Message:
    """Return what was acted on; as it is recorded where its kind has no name."""
    kind, _, name = recorded.partition(" ")
    return _OBJECTS[kind](name) if name and kind in _OBJECTS else written(recorded)


def recorded_words(recorded: str) -> Message:
    """Return what somebody gave as a reason, or what the product wrote by itself."""
    return _CODES.get(recorded) or written(recorded)


def detail_name(key: str) -> Message:
    """Return what a detail of an event is called."""
    return _DETAILS.get(key) or written(key)
