"""The permissions of each role: the table that pages show, and that a test compares with the docs.

Administrators have all permissions and are not in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from newsletter.database.vocabulary import Role


class Permission(StrEnum):
    """A permission that some roles have."""

    WRITE = "write issues"
    SEE_MAILINGS = "see what is to be sent, mailings and reports"
    TEST = "send tests"
    ASK_APPROVAL = "ask for approval"
    SEND = "send"
    APPROVE = "approve, or send back with words"
    COMMENT = "comment on parts of an issue"
    CONTROL_MAILINGS = "pause, resume and cancel mailings"
    SEE_MISSED = "download who was missed"
    SEGMENT = "build segments, without seeing addresses"
    SEE_SUBSCRIBERS = "see and import subscribers"
    SEE_BOUNCES = "see bounces and complaints"
    OPERATE = "see operations, give orders"
    ADMINISTER = "change settings, accounts and roles, read the audit log"


PERMISSIONS: Mapping[Permission, frozenset[Role]] = {
    Permission.WRITE: frozenset({Role.EDITOR}),
    Permission.SEE_MAILINGS: frozenset({Role.EDITOR, Role.APPROVER, Role.OPERATOR}),
    Permission.TEST: frozenset({Role.EDITOR}),
    Permission.ASK_APPROVAL: frozenset({Role.EDITOR}),
    Permission.SEND: frozenset({Role.EDITOR}),
    Permission.APPROVE: frozenset({Role.APPROVER}),
    Permission.COMMENT: frozenset({Role.EDITOR, Role.APPROVER}),
    Permission.CONTROL_MAILINGS: frozenset({Role.EDITOR, Role.OPERATOR}),
    Permission.SEE_MISSED: frozenset({Role.EDITOR}),
    Permission.SEGMENT: frozenset({Role.EDITOR, Role.OPERATOR}),
    Permission.SEE_SUBSCRIBERS: frozenset({Role.OPERATOR}),
    Permission.SEE_BOUNCES: frozenset({Role.OPERATOR}),
    Permission.OPERATE: frozenset({Role.OPERATOR}),
    Permission.ADMINISTER: frozenset(),
}
