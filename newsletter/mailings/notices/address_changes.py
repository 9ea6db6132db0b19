"""Address changes: confirmed by a link at the new address, and notified to the old one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.addresses import Address
from newsletter.database.engine import transaction
from newsletter.database.tables import NewsletterRow
from newsletter.i18n.language import Language
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.notices.queue import create_notice
from newsletter.mailings.planning.content import NoticeAction
from newsletter.rendering.notices import NoticeDraft, NoticeTemplate, render_notice
from newsletter.settings import Settings
from newsletter.tokens import Purpose, TokenSigner
from subscribers.address_changes import (
    UNDO_DAYS,
    AddressChange,
    ChangeState,
    find_change,
    make_change,
    numbers_of_change,
    request_change,
    undo_change,
)
from subscribers.forms.domains import DomainRules
from subscribers.join_limits import JoinLimits, count_address, count_sender
from subscribers.suppression import erased_among


class Notice(StrEnum):
    """The kind of mail to the old address."""

    CHANGED = "changed"
    UNDONE = "undone"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressChanges:
    """Requests, confirms and undoes address changes; created once from the settings."""

    engine: Engine
    signer: TokenSigner
    limits: JoinLimits
    domains: DomainRules
    templates_dir: Path
    confirm_days: int

    @classmethod
    def of(cls, settings: Settings, engine: Engine, signer: TokenSigner) -> AddressChanges:
        """Create the object from the settings."""
        return cls(
            engine=engine,
            signer=signer,
            limits=JoinLimits.of(settings),
            domains=DomainRules.of(settings),
            templates_dir=settings.templates_dir,
            confirm_days=settings.confirm_days,
        )

    def request(
        self,
        newsletter: NewsletterRow,
        subscriber_id: int,
        address: Address,
        *,
        language: Language,
        client: str,
        is_certain: bool = False,
    ) -> bool:
        """Mail a link to the new address; return False if a limit on requests is exceeded.

        The result does not tell whether the address is new, known or erased. The domain is checked
        as for requests to join; ``is_certain`` skips the check for typing errors.

        Raises:
            ListError: The address's domain is not accepted, or looks mistyped.
            NotFoundError: The subscriber does not exist, or was erased.
            ConflictError: The subscriber has this address already.
        """
        if not is_certain:
            self.domains.question_mistyped(address)
        self.domains.refuse_disposable(address.domain)
        with transaction(self.engine) as session:
            if not count_sender(
                session,
                self.signer.pseudonyms,
                self.limits,
                client=client,
                newsletter_id=newsletter.id,
                is_proven=True,
                about="address change",
            ):
                return False
        # After the limits, so that nobody can cause many DNS queries.
        self.domains.refuse_without_host(address.domain)
        with transaction(self.engine) as session:
            mailable = count_address(session, self.signer.pseudonyms, self.limits, address.key)
        with transaction(self.engine) as session:
            change = request_change(session, newsletter.id, subscriber_id, address)
            self._notify(
                session,
                newsletter,
                change.successor_id,
                NoticeDraft(
                    template=NoticeTemplate.ADDRESS_CHANGE,
                    language=language,
                    publisher=publisher_of(newsletter),
                    days=self.confirm_days,
                ),
                NoticeAction(purpose=Purpose.ADDRESS_CHANGE, numbers=numbers_of_change(change)),
            )
            # After the person was added, which waits for erasures that run at the same time.
            if not mailable or erased_among(session, [address.key], self.signer.pseudonyms):
                session.rollback()
        return True

    def find(self, session: Session, token: str) -> AddressChange:
        """Return the change of the link at the new address; see `find_change`."""
        return find_change(
            session, self.signer, Purpose.ADDRESS_CHANGE, token, days=self.confirm_days
        )

    def find_undo(self, session: Session, token: str) -> AddressChange:
        """Return the change of the link at the old address; see `find_change`."""
        return find_change(
            session, self.signer, Purpose.ADDRESS_CHANGE_UNDO, token, days=self.confirm_days
        )

    def confirm(self, token: str, *, network: str) -> AddressChange:
        """Make a change; has no effect the second time, or with a link that is no longer valid.

        Raises:
            TokenError: See `find_change`.
            NotFoundError: See `find_change`.
        """
        with transaction(self.engine) as session:
            change = self.find(session, token)
            if change.state is ChangeState.OPEN and make_change(session, change, network=network):
                self._tell(session, change, Notice.CHANGED)
        return change

    def undo(self, token: str, *, network: str) -> AddressChange:
        """Undo a change; has no effect the second time, or with a link that is no longer valid.

        Raises:
            TokenError: See `find_change`.
            NotFoundError: See `find_change`.
        """
        with transaction(self.engine) as session:
            change = self.find_undo(session, token)
            if change.state is ChangeState.OPEN and undo_change(session, change, network=network):
                self._tell(session, change, Notice.UNDONE)
        return change

    def _tell(self, session: Session, change: AddressChange, notice: Notice) -> None:
        """Queue the mail to the address that is no longer used."""
        is_change = notice is Notice.CHANGED
        to = change.subscriber_id if is_change else change.successor_id
        purpose = Purpose.ADDRESS_CHANGE_UNDO if is_change else Purpose.ADDRESS_CHANGE
        signed = change.numbers
        self._notify(
            session,
            change.newsletter,
            to,
            NoticeDraft(
                template=NoticeTemplate.ADDRESS_CHANGED,
                language=change.language,
                publisher=publisher_of(change.newsletter),
                days=UNDO_DAYS,
                event=notice.value,
            ),
            NoticeAction(purpose=purpose, numbers=signed),
        )

    def _notify(
        self,
        session: Session,
        newsletter: NewsletterRow,
        to: int,
        draft: NoticeDraft,
        action: NoticeAction,
    ) -> None:
        create_notice(
            session,
            newsletter_id=newsletter.id,
            subscriber_id=to,
            rendered=render_notice(draft, templates_dir=self.templates_dir),
            kind=draft.template.value,
            action=action,
        )
