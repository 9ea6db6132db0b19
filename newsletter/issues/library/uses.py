"""The uses of stored pictures and files, recorded whenever content is stored.

Code that stores content (saving a draft, ordering a mailing) records its uses in the same
transaction. So used content is never deleted, and pages need not read all issues to find uses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.database.insert import insert_missing
from newsletter.database.tables import ContentUseRow, FileRow, ImageRow
from newsletter.database.vocabulary import ContentUser

#: The path of a picture or file, at whatever host.
_PATH = re.compile(r"/(?:images/([0-9a-f]{64})|files/([0-9a-f]{32}))(?=[-.])")
_AT_ONCE = 500


def digests_in(content: str) -> frozenset[str]:
    """Return the digests of all pictures and files that a text links to."""
    return frozenset(picture or file for picture, file in _PATH.findall(content))


def record_uses(
    session: Session,
    newsletter_id: int,
    used_by: ContentUser,
    number: int,
    content: object,
) -> None:
    """Record the uses of content, replacing earlier ones.

    The used pictures and files are locked until the transaction ends, so that they are not deleted.

    Args:
        session: The database session, in the transaction that stores the content.
        newsletter_id: The newsletter.
        used_by: The kind of user.
        number: The user's id; for a look, the newsletter's.
        content: Text, or values for JSON.
    """
    used = digests_in(content if isinstance(content, str) else json.dumps(content))
    of_it = (ContentUseRow.used_by == used_by, ContentUseRow.number == number)
    known = set(session.scalars(select(ContentUseRow.digest).where(*of_it)))
    if unused := known - used:
        session.execute(delete(ContentUseRow).where(*of_it, ContentUseRow.digest.in_(unused)))
    add_uses(session, newsletter_id, used_by, number, used - known)


def add_uses(
    session: Session,
    newsletter_id: int,
    used_by: ContentUser,
    number: int,
    digests: Collection[str],
) -> None:
    """Record additional uses."""
    added = sorted(digests)
    for at in range(0, len(added), _AT_ONCE):
        some = added[at : at + _AT_ONCE]
        for kept in (ImageRow.digest, FileRow.digest):
            # Deleting an item first locks it, and then looks for uses.
            session.execute(
                select(kept).where(kept.in_(some)).with_for_update(read=True, key_share=True)
            ).all()
        insert_missing(
            session,
            ContentUseRow,
            [
                {
                    "digest": digest,
                    "used_by": used_by,
                    "number": number,
                    "newsletter_id": newsletter_id,
                }
                for digest in some
            ],
        )


def forget_uses(session: Session, used_by: ContentUser, number: int) -> None:
    """Delete the uses of something that was deleted."""
    session.execute(
        delete(ContentUseRow).where(
            ContentUseRow.used_by == used_by, ContentUseRow.number == number
        )
    )
