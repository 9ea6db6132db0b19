"""Messages about edit conflicts, when somebody else saved the same form meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.edit_conflicts import EditConflictError
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing, Worded
from newsletter.web.audit_values import detail_words
from newsletter.web.audit_wording import detail_name

#: Characters of the saved text that are shown.
_SHOWN = 80


def worded_clash(
    error: EditConflictError,
    names: Mapping[str, Worded] | None = None,
    values: Mapping[str, Worded | str] | None = None,
) -> ConflictError:
    """Return an error that names the parts that both changed, with their saved values.

    Args:
        error: The error of the action.
        names: The labels of parts that have none in the audit log.
        values: Descriptions of saved values that are codes.
    """
    changes = tuple(
        msg(
            "{name}: “{value}”",
            name=(names or {}).get(name) or detail_name(name),
            value=(values or {}).get(name) or _value(name, value),
        )
        for name, value in error.clashes.items()
    )
    return ConflictError(
        msg(
            "Somebody else changed the same meanwhile. Saved now: {changes}.",
            changes=Listing(changes),
        ),
        remedy=msg("What you entered is still in the form; save again to replace it."),
    )


def _value(name: str, value: object) -> Worded | str:
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"{value[:_SHOWN]}…"
    return detail_words(value, name)
