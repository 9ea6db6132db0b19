"""Requests to join, from the form to the confirmation mail, in one transaction.

Whether an address is new, known, suppressed or erased, the same work is done and the same answer
given; for those who must not be written down it is rolled back at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.addresses import Address
from newsletter.database.engine import transaction
from newsletter.database.tables import NewsletterRow
from newsletter.i18n.language import Language
from newsletter.mailings.content import NoticeAction
from newsletter.mailings.links import refer
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.notices import create_notice
from newsletter.rendering.notices import NoticeDraft, NoticeTemplate, render_notice
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms, Purpose, numbers_of
from subscribers.join_limits import JoinLimits, count_address, count_sender
from subscribers.joining import JoinRequest, Origin, request_join
from subscribers.suppression import erased_among


def send_settings_link(
    session: Session,
    newsletter: NewsletterRow,
    subscriber_id: int,
    *,
    language: Language,
    templates_dir: Path,
) -> int:
    """Queue the mail with the link to somebody's settings; return its mailing's number.

    It goes to the address itself: whoever came by another link may not be its owner.
    """
    template = NoticeTemplate.SETTINGS_LINK
    draft = NoticeDraft(
        template=template, language=language, publisher=publisher_of(newsletter), days=0
    )
    return create_notice(
        session,
        newsletter_id=newsletter.id,
        subscriber_id=subscriber_id,
        rendered=render_notice(draft, templates_dir=templates_dir),
        kind=template.value,
        action=NoticeAction(
            purpose=Purpose.PREFERENCES,
            numbers=numbers_of(refer(session, newsletter.id, subscriber_id)),
        ),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinDesk:
    """Takes requests to join; made once from the settings."""

    engine: Engine
    pseudonyms: Pseudonyms
    limits: JoinLimits
    templates_dir: Path
    confirm_days: int

    @classmethod
    def of(cls, settings: Settings, engine: Engine, pseudonyms: Pseudonyms) -> JoinDesk:
        """Return the desk as the settings have it."""
        return cls(
            engine=engine,
            pseudonyms=pseudonyms,
            limits=JoinLimits(
                address=settings.join_limit_address,
                network=settings.join_limit_network,
                newsletter=settings.join_limit_newsletter,
            ),
            templates_dir=settings.templates_dir,
            confirm_days=settings.confirm_days,
        )

    def take(
        self,
        newsletter: NewsletterRow,
        address: Address,
        *,
        name: str,
        origin: Origin,
        client: str,
        time_zone: str = "",
    ) -> bool:
        """Take a request; return False when network or newsletter sent too many.

        An address that had its mails of the day gets no other, and the answer does not say so.
        """
        with transaction(self.engine) as session:
            if not count_sender(
                session, self.pseudonyms, self.limits, client=client, newsletter_id=newsletter.id
            ):
                return False
            mailable = count_address(session, self.pseudonyms, self.limits, address.key)
        if mailable:
            self._write_down(newsletter, address, name=name, origin=origin, time_zone=time_zone)
        return True

    def _write_down(
        self,
        newsletter: NewsletterRow,
        address: Address,
        *,
        name: str,
        origin: Origin,
        time_zone: str,
    ) -> None:
        with transaction(self.engine) as session:
            request = request_join(
                session, newsletter, address, name=name, origin=origin, time_zone=time_zone
            )
            self._send_notice(session, newsletter, request, origin)
            # Only now: adding the person waited for an erasure that was under way.
            if erased_among(session, [address.key], self.pseudonyms):
                session.rollback()

    def _send_notice(
        self, session: Session, newsletter: NewsletterRow, request: JoinRequest, origin: Origin
    ) -> None:
        if request.confirmed:
            send_settings_link(
                session,
                newsletter,
                request.subscriber_id,
                language=origin.language,
                templates_dir=self.templates_dir,
            )
            return
        template = NoticeTemplate.CONFIRMATION
        draft = NoticeDraft(
            template=template,
            language=origin.language,
            publisher=publisher_of(newsletter),
            days=self.confirm_days,
        )
        create_notice(
            session,
            newsletter_id=newsletter.id,
            subscriber_id=request.subscriber_id,
            rendered=render_notice(draft, templates_dir=self.templates_dir),
            kind=template.value,
            action=NoticeAction(purpose=Purpose.CONFIRM, numbers=request.numbers),
        )
