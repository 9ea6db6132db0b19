"""Requests to join: check the form, store the request and queue the confirmation mail.

All of it is one transaction. Nobody can find out whether an address is new, known, suppressed or
erased: work and answer are the same, and for addresses that must not be stored the transaction is
rolled back at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.addresses import Address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import Frequency
from newsletter.i18n.language import Language
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.notices.queue import create_notice
from newsletter.mailings.planning.content import NoticeAction
from newsletter.mailings.planning.links import refer
from newsletter.rendering.notices import NoticeDraft, NoticeTemplate, render_notice
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms, Purpose, TokenSigner, numbers_of
from subscribers.fields.model import FieldValue
from subscribers.forms.domains import DomainRules
from subscribers.forms.model import OWN_FORM, JoinForm
from subscribers.forms.proof import FormAge, ProofOfWork, age_of_form
from subscribers.forms.requests import read_answers
from subscribers.forms.store import FormStep, count_step
from subscribers.frequency import read_frequency
from subscribers.invitations import by_invitation, may_join, require_admission
from subscribers.join_limits import JoinLimits, count_address, count_sender, is_first_use, was_used
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
    """Queue the mail with the link to a subscriber's settings; return its mailing's number.

    The link is mailed and not shown: the person who asks may not be the owner of the address.
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


class Answer(StrEnum):
    """The answer to a request; it never tells whether the address is known."""

    MAILED = "mailed"
    TOO_MANY = "too_many"
    TOO_YOUNG = "too_young"
    TOO_OLD = "too_old"


_WRONG_AGES = {FormAge.TOO_YOUNG: Answer.TOO_YOUNG, FormAge.TOO_OLD: Answer.TOO_OLD}


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The data of a request that protect against programs.

    Attributes:
        stamp: The signed time at which the form was shown; see
            `subscribers.forms.proof.stamp_form`.
        work: The solution of the proof-of-work challenge.
        trap: The value of the honeypot field, which people do not see. Requests that fill it get
            the usual answer, and are dropped.
        message: The digest of a mail, so that a mail that arrives twice counts once.
        authenticated: Whether the sender of a mail was authenticated.
    """

    stamp: str = ""
    work: str = ""
    trap: str = ""
    message: str = ""
    authenticated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Applicant:
    """A request to join, as submitted.

    Attributes:
        address: The address to confirm.
        origin: The source of the request, and the text consented to.
        client: The network address of the browser; None for a mail.
        evidence: The data that protect against programs.
        name: The person's name.
        time_zone: The browser's time zone; empty if unknown.
        form: The form that was used.
        given: The submitted values, by field key.
        frequency: The chosen frequency, if the form asks for it; empty for each issue.
        invitation: The secret of an invitation link; empty without one.
        is_certain: Whether the domain was confirmed although it looks mistyped, or was not typed.
    """

    address: Address
    origin: Origin
    client: str | None
    evidence: Evidence
    name: str = ""
    time_zone: str = ""
    form: JoinForm = OWN_FORM
    given: Mapping[str, object] = field(default_factory=dict)
    frequency: str = ""
    invitation: str = ""
    is_certain: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinRequests:
    """Processes requests to join; created once from the settings."""

    engine: Engine
    signer: TokenSigner
    limits: JoinLimits
    domains: DomainRules
    work: ProofOfWork
    templates_dir: Path
    confirm_days: int

    @classmethod
    def of(cls, settings: Settings, engine: Engine, signer: TokenSigner) -> JoinRequests:
        """Create the object from the settings."""
        return cls(
            engine=engine,
            signer=signer,
            limits=JoinLimits.of(settings),
            domains=DomainRules.of(settings),
            work=ProofOfWork(signer.keys_for("proof of work")),
            templates_dir=settings.templates_dir,
            confirm_days=settings.confirm_days,
        )

    @property
    def pseudonyms(self) -> Pseudonyms:
        """The pseudonyms by which limits and erased addresses are stored."""
        return self.signer.pseudonyms

    def take(self, newsletter: NewsletterRow, applicant: Applicant) -> Answer:
        """Process a request; the answer tells whether the form or a limit prevented it.

        An address that has had its maximum of mails per day gets no further one, which the answer
        does not tell.

        Raises:
            ListError: The address's domain is not accepted or looks mistyped, or the value of a
                field is not valid. The place names the field.
            ForbiddenError: The newsletter requires an invitation, and there is no valid one.
        """
        evidence, domain = applicant.evidence, applicant.address.domain
        self._require_invitation(newsletter, applicant.invitation)
        if evidence.trap:
            return Answer.MAILED
        age = age_of_form(self.signer, newsletter.id, evidence.stamp)
        if age in _WRONG_AGES:
            return _WRONG_AGES[age]
        if not applicant.is_certain:
            self.domains.question_mistyped(applicant.address)
        self.domains.refuse_disposable(domain)
        if self._was_taken(evidence.message):
            return Answer.MAILED
        answers, frequency = self._read(newsletter, applicant)
        if not self._count_sender(newsletter, applicant):
            return Answer.TOO_MANY
        # After the limits, so that nobody can cause many DNS queries.
        self.domains.refuse_without_host(domain)
        if self._count_address(newsletter, applicant):
            self._write(newsletter, applicant, answers, frequency)
        return Answer.MAILED

    def _was_taken(self, message: str) -> bool:
        """Return whether a mail with this digest was processed before; False for forms."""
        if not message:
            return False
        with reading(self.engine) as session:
            return was_used(session, self.pseudonyms, message)

    def _read(
        self, newsletter: NewsletterRow, applicant: Applicant
    ) -> tuple[Mapping[str, FieldValue | None], Frequency | None]:
        """Return the values of the fields, and the chosen frequency or None.

        Raises:
            ListError: The value of a field is not valid.
        """
        form, asked = applicant.form, applicant.frequency
        with reading(self.engine) as session:
            answers = read_answers(session, newsletter.id, form, applicant.given)
            if not (form.asks_frequency and asked):
                return answers, None
            return answers, read_frequency(session, newsletter.id, asked)

    def _count_sender(self, newsletter: NewsletterRow, applicant: Applicant) -> bool:
        """Count a request of a network; return whether the network's limit permits it."""
        evidence = applicant.evidence
        solved = self.work.solved(newsletter.id, evidence.work)
        with transaction(self.engine) as session:
            return count_sender(
                session,
                self.pseudonyms,
                self.limits,
                client=applicant.client,
                newsletter_id=newsletter.id,
                is_proven=evidence.authenticated
                or (bool(solved) and is_first_use(session, self.pseudonyms, solved)),
            )

    def _count_address(self, newsletter: NewsletterRow, applicant: Applicant) -> bool:
        """Count a request of an address and a form; return whether the address may get mail.

        Requests by mail are not counted for the form. A form without a signed time is embedded in
        another website; it counts as shown once when it is submitted.
        """
        with transaction(self.engine) as session:
            may = count_address(session, self.pseudonyms, self.limits, applicant.address.key)
            if applicant.client is not None:
                if not applicant.evidence.stamp:
                    count_step(session, newsletter.id, applicant.form.id, FormStep.SHOWN)
                count_step(session, newsletter.id, applicant.form.id, FormStep.ASKED)
            return may

    def _write(
        self,
        newsletter: NewsletterRow,
        applicant: Applicant,
        answers: Mapping[str, FieldValue | None],
        frequency: Frequency | None,
    ) -> None:
        """Store a request and queue its mail; for some addresses, roll this back at the end."""
        message = applicant.evidence.message
        with transaction(self.engine) as session:
            request = request_join(
                session,
                newsletter,
                applicant.address,
                name=applicant.name,
                origin=applicant.origin,
                time_zone=applicant.time_zone,
                form=applicant.form,
                answers=answers,
                frequency=frequency,
            )
            self._send_notice(session, newsletter, request, applicant)
            if message and not is_first_use(session, self.pseudonyms, message):
                session.rollback()
                return
            # After the person was added, which waits for erasures that run at the same time.
            if erased_among(session, [applicant.address.key], self.pseudonyms):
                session.rollback()

    def _require_invitation(self, newsletter: NewsletterRow, invitation: str) -> None:
        """Raise without a valid invitation, before the address is looked up."""
        with reading(self.engine) as session:
            if not may_join(session, newsletter, invitation):
                raise by_invitation(newsletter)

    def _send_notice(
        self,
        session: Session,
        newsletter: NewsletterRow,
        request: JoinRequest,
        applicant: Applicant,
    ) -> None:
        """Queue the confirmation, which counts a use of the invitation, or the settings link."""
        if request.confirmed:
            send_settings_link(
                session,
                newsletter,
                request.subscriber_id,
                language=applicant.origin.written_in,
                templates_dir=self.templates_dir,
            )
            return
        require_admission(session, newsletter, applicant.invitation)
        template = NoticeTemplate.CONFIRMATION
        draft = NoticeDraft(
            template=template,
            language=applicant.origin.written_in,
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
