"""The names of details in audit entries, for which pages have labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, TypeGuard, get_args

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
