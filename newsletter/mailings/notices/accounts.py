"""Mail to accounts: one-time links and notices of changes, queued in the same transaction.

This mail has the null return path (RFC 5321 section 4.5.5) and no Reply-To. Otherwise a bounce or
an automatic reply could bring an administrator's link into a mailbox of the newsletter.
"""

from __future__ import annotations

from email.utils import parseaddr
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import case, exists, select
from sqlalchemy.orm import Session

from newsletter.accounts.invitations import read_invitation
from newsletter.addresses import parse_address
from newsletter.database.tables import AccountRow, NewsletterRow, RoleGrantRow
from newsletter.database.vocabulary import InvitationPurpose
from newsletter.database.words import name_of
from newsletter.i18n.formats import format_list, format_planned
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.notices.queue import create_notice
from newsletter.mailings.planning.content import NoticeAction, Sender
from newsletter.rendering.notices import NoticeDraft, NoticeTemplate, render_notice
from newsletter.settings import Settings
from newsletter.tokens import Purpose
from subscribers.people import find_or_add_person


def sender_for(session: Session, account_id: int | None) -> NewsletterRow | None:
    """Return the newsletter in whose name an account gets mail; None if there is no newsletter.

    It is one in which the account has a role, or else the first.
    """
    own = exists().where(
        RoleGrantRow.account_id == account_id, RoleGrantRow.newsletter_id == NewsletterRow.id
    )
    return session.scalars(
        select(NewsletterRow).order_by(case((own, 0), else_=1), NewsletterRow.id).limit(1)
    ).one_or_none()


def _account_sender(settings: Settings, newsletter: NewsletterRow) -> Sender:
    """Return the sender of mail to accounts: the installation's, or else the newsletter's."""
    name, address = parseaddr(settings.account_sender)
    return Sender(
        name=name if address else newsletter.from_name,
        address=address or newsletter.from_address,
        reply_to="",
        bounce_address=settings.account_return_path,
    )


def post_link(session: Session, settings: Settings, token: str) -> str | None:
    """Queue the mail with a one-time link; return the address to which it is sent.

    Without any newsletter nothing is queued, and None is returned.
    """
    invited = read_invitation(session, token)
    sender = sender_for(session, invited.account_id)
    if sender is None:
        return None
    mail_link(session, settings, sender, token)
    return invited.address


def mail_link(session: Session, settings: Settings, newsletter: NewsletterRow, token: str) -> int:
    """Queue the mail with a one-time link; return its mailing's number.

    Args:
        session: The database session, in the transaction that created the link.
        settings: The settings, for templates and the installation's sender.
        newsletter: The newsletter in whose name the mail is sent.
        token: The token of an invitation or of a password reset.
    """
    invited = read_invitation(session, token)
    is_reset = invited.purpose is InvitationPurpose.RESET
    template = NoticeTemplate.RESET if is_reset else NoticeTemplate.INVITATION
    zone = ZoneInfo(invited.time_zone)
    roles = sorted({grant.role for grant in invited.grants})
    names = [name_of(role).in_language(invited.language) for role in roles]
    draft = NoticeDraft(
        template=template,
        language=invited.language,
        publisher=publisher_of(newsletter),
        person=invited.invited_by,
        words="" if is_reset else format_list(names, invited.language),
        until=format_planned(invited.expires_at, invited.language, zone),
    )
    rendered = render_notice(draft, templates_dir=settings.templates_dir)
    person = find_or_add_person(session, parse_address(invited.address))
    return create_notice(
        session,
        newsletter_id=newsletter.id,
        subscriber_id=person.id,
        rendered=rendered,
        kind=template.value,
        action=NoticeAction(purpose=Purpose.ACCOUNT, numbers=invited.numbers),
        sender=_account_sender(settings, newsletter),
    )


class AccountChange(StrEnum):
    """A change that the account's owner is notified of, in case somebody else made it."""

    SECOND_FACTOR_ON = "second-factor-on"
    SECOND_FACTOR_OFF = "second-factor-off"
    SECOND_FACTOR_RESET = "second-factor-reset"
    PASSWORD = "password"  # noqa: S105 - the name of a change


def tell_owner(
    session: Session, settings: Settings, account_id: int, change: AccountChange
) -> int | None:
    """Queue the mail that notifies an account's owner of a change, in the same transaction.

    Returns the mailing's number; None if there is no newsletter.
    """
    account, sender = session.get_one(AccountRow, account_id), sender_for(session, account_id)
    if sender is None:
        return None
    template = NoticeTemplate.ACCOUNT_CHANGED
    draft = NoticeDraft(
        template=template,
        language=account.language,
        publisher=publisher_of(sender),
        event=change.value,
    )
    rendered = render_notice(
        draft,
        templates_dir=settings.templates_dir,
        action_url=f"{settings.public_url}/account",
    )
    person = find_or_add_person(session, parse_address(account.address))
    return create_notice(
        session,
        newsletter_id=sender.id,
        subscriber_id=person.id,
        rendered=rendered,
        kind=template.value,
        sender=_account_sender(settings, sender),
    )
