"""Admission: who may request to join a newsletter, and invitation links.

Anybody may join a public or unlisted newsletter. Otherwise a request needs a valid invitation link,
of whose secret only the hash is stored. A request counts one use of the link, in the transaction
that stores the request; requests of present subscribers do not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.tables import JoinInvitationRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Joining
from newsletter.errors import ForbiddenError, ListError, NotFoundError, Place
from newsletter.i18n.messages import msg
from newsletter.tokens import new_token, token_hash

#: A stored invitation link.
JoinInvitation = JoinInvitationRow
MOST_USES, MOST_DAYS = 10_000, 366
_NOTE = 200
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def make_invitation(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    *,
    uses: int,
    days: int,
    note: str = "",
) -> tuple[JoinInvitation, str]:
    """Create an invitation link; return it with its secret, which is not stored.

    Raises:
        ListError: The number of uses or days is out of range, or the note is too long; the place
            names it.
    """
    for place, number, most in (("uses", uses, MOST_USES), ("days", days, MOST_DAYS)):
        if not 1 <= number <= most:
            raise ListError(
                msg("Choose a number from 1 to {most}.", most=most), place=Place(field=place)
            )
    note = " ".join(note.split())
    if len(note) > _NOTE or not note.isprintable():
        raise ListError(
            msg("Keep it within {longest} characters.", longest=_NOTE), place=Place(field="note")
        )
    token = new_token()
    row = JoinInvitationRow(
        newsletter_id=newsletter.id,
        token_hash=token_hash(token),
        note=note,
        uses=uses,
        expires_at=now() + timedelta(days=days),
        author=actor.name,
    )
    session.add(row)
    session.flush()
    record_event(
        session,
        actor,
        Action.JOIN_INVITE,
        object=f"invitation {row.id}",
        newsletter_id=newsletter.id,
        details={"uses": uses, "days": days, "note": note},
    )
    return row, token


def list_invitations(session: Session, newsletter_id: int) -> Sequence[JoinInvitation]:
    """Return a newsletter's invitation links, the newest first."""
    return session.scalars(
        select(JoinInvitationRow)
        .where(JoinInvitationRow.newsletter_id == newsletter_id)
        .order_by(JoinInvitationRow.id.desc())
    ).all()


def is_open(row: JoinInvitation) -> bool:
    """Return whether a link is valid."""
    return row.revoked_at is None and row.used < row.uses and row.expires_at > now()


def revoke_invitation(
    session: Session, actor: Actor, newsletter_id: int, invitation_id: int
) -> None:
    """Revoke an invitation link; earlier requests can still be confirmed.

    Raises:
        NotFoundError: The newsletter has no such link.
    """
    row = session.get(JoinInvitationRow, invitation_id, with_for_update=True)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("There is no invitation {number}.", number=invitation_id))
    if row.revoked_at is not None:
        return
    row.revoked_at = now()
    record_event(
        session,
        actor,
        Action.JOIN_REVOKE,
        object=f"invitation {row.id}",
        newsletter_id=newsletter_id,
    )


def may_join(session: Session, newsletter: NewsletterRow, invitation: str) -> bool:
    """Return whether a request to join is permitted, with a link's secret or without (empty)."""
    if newsletter.joining is not Joining.INVITATION:
        return True
    holds = select(func.count()).where(*_holds(newsletter.id, invitation))
    return _TOKEN.fullmatch(invitation) is not None and bool(session.scalar(holds))


def require_sight(session: Session, newsletter: NewsletterRow, invitation: str) -> None:
    """Check that a hidden newsletter may be shown: a link is required, even an expired one.

    Raises:
        NotFoundError: The newsletter is hidden; the error is that for one that does not exist.
    """
    if not newsletter.is_hidden:
        return
    given = select(func.count()).where(*_is_given(newsletter.id, invitation))
    if _TOKEN.fullmatch(invitation) is None or not session.scalar(given):
        raise NotFoundError(msg("There is no newsletter “{slug}”.", slug=newsletter.slug))


def require_admission(session: Session, newsletter: NewsletterRow, invitation: str) -> None:
    """Check that a request to join is permitted, and count a use of its link.

    Raises:
        ForbiddenError: An invitation is required, and the link is not valid.
    """
    if newsletter.joining is not Joining.INVITATION:
        return
    used = None
    if _TOKEN.fullmatch(invitation) is not None:
        used = session.scalar(
            update(JoinInvitationRow)
            .where(*_holds(newsletter.id, invitation))
            .values(used=JoinInvitationRow.used + 1)
            .returning(JoinInvitationRow.id)
        )
    if used is None:
        raise by_invitation(newsletter)


def by_invitation(newsletter: NewsletterRow) -> ForbiddenError:
    """Return the error for a newsletter that requires an invitation."""
    return ForbiddenError(
        msg("“{newsletter}” is joined by invitation only.", newsletter=newsletter.name),
        remedy=msg("Use the link of your invitation; if it no longer works, ask for another."),
    )


def _is_given(newsletter_id: int, invitation: str) -> tuple[ColumnElement[bool], ...]:
    return (
        JoinInvitationRow.newsletter_id == newsletter_id,
        JoinInvitationRow.token_hash == token_hash(invitation),
    )


def _holds(newsletter_id: int, invitation: str) -> tuple[ColumnElement[bool], ...]:
    return (
        *_is_given(newsletter_id, invitation),
        JoinInvitationRow.revoked_at.is_(None),
        JoinInvitationRow.expires_at > now(),
        JoinInvitationRow.used < JoinInvitationRow.uses,
    )
