"""What leads to each picture and file that is kept: written down whenever content is.

Whoever keeps content (a draft's save, a mailing that is frozen) says so here in the same
transaction. So nothing that is in use is deleted, and no page has to read every issue to know.
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
    """Return the digests of all pictures and files that a text leads to."""
    return frozenset(picture or file for picture, file in _PATH.findall(content))


def record_uses(
    session: Session,
    newsletter_id: int,
    used_by: ContentUser,
    number: int,
    content: object,
) -> None:
    """Write down what content leads to, in place of what it led to before.

    What it leads to is held against being deleted until the transaction ends.

    Args:
        session: The transaction that keeps the content.
        newsletter_id: Whose it is.
        used_by: What kind of thing has this content.
        number: Its number; of a look the newsletter's.
        content: Text, or what is kept as JSON.
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
    """Write down that something leads to these, too."""
    added = sorted(digests)
    for at in range(0, len(added), _AT_ONCE):
        some = added[at : at + _AT_ONCE]
        for kept in (ImageRow.digest, FileRow.digest):
            # Whoever deletes one locks it, then looks for uses.
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
    """Write down that something is gone, and leads to nothing any more."""
    session.execute(
        delete(ContentUseRow).where(
            ContentUseRow.used_by == used_by, ContentUseRow.number == number
        )
    )
