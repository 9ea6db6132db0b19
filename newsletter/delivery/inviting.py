"""Invitations by mail: an account's one-time link, sent as a notice in the deed's transaction."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import case, exists, select
from sqlalchemy.orm import Session

from newsletter.accounts.invitations import read_invitation
from newsletter.database.tables import NewsletterRow, RoleGrantRow
from newsletter.database.vocabulary import InvitationPurpose
from newsletter.delivery.mailings import publisher_of
from newsletter.delivery.notices import create_notice
from newsletter.rendering.notices import NoticeDraft, NoticeTemplate, render_notice
from subscribers.addresses import parse_address
from subscribers.people import find_or_add_person


def sender_for(session: Session, account_id: int | None) -> NewsletterRow | None:
    """Return the newsletter that writes to an account: one of its own, else the first; or None."""
    own = exists().where(
        RoleGrantRow.account_id == account_id, RoleGrantRow.newsletter_id == NewsletterRow.id
    )
    return session.scalars(
        select(NewsletterRow).order_by(case((own, 0), else_=1), NewsletterRow.id).limit(1)
    ).one_or_none()


def post_link(session: Session, token: str, *, templates_dir: Path, public_url: str) -> str | None:
    """Queue the mail that hands a link over, from the newsletter that writes to its account.

    Return the address that it goes to; None, and nothing is queued, where no newsletter is there.
    """
    invited = read_invitation(session, token)
    sender = sender_for(session, invited.account_id)
    if sender is None:
        return None
    mail_link(session, sender, token, templates_dir=templates_dir, public_url=public_url)
    return invited.address


def mail_link(
    session: Session, newsletter: NewsletterRow, token: str, *, templates_dir: Path, public_url: str
) -> int:
    """Queue the mail that hands a link over; return its mailing's number.

    Args:
        session: Within the transaction that made the link.
        newsletter: Whose sender it goes out as.
        token: Of an invitation, or of a reset.
        templates_dir: Where the notices' templates are.
        public_url: Under which the web application is reached.
    """
    invited = read_invitation(session, token)
    is_reset = invited.purpose is InvitationPurpose.RESET
    template = NoticeTemplate.RESET if is_reset else NoticeTemplate.INVITATION
    draft = NoticeDraft(
        template=template, language=invited.language, publisher=publisher_of(newsletter)
    )
    rendered = render_notice(
        draft, templates_dir=templates_dir, action_url=f"{public_url}/welcome/{token}"
    )
    person = find_or_add_person(session, parse_address(invited.address))
    return create_notice(
        session,
        newsletter_id=newsletter.id,
        subscriber_id=person.id,
        rendered=rendered,
        kind=template.value,
    )
