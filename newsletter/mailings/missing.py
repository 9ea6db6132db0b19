"""The error of who asks for a mailing that there is not."""

from __future__ import annotations

from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg


def no_such_mailing(mailing_id: int) -> NotFoundError:
    """Return the error that no mailing has this number, or none that the asker may see."""
    return NotFoundError(
        msg("There is no mailing {mailing}.", mailing=mailing_id),
        command=msg("See the list with: newsletter mailing list."),
    )
