"""Requests to join, from the form to the confirmation mail, in one transaction.

Whether an address is new, known, suppressed or erased, the same work is done and the same answer
given; for those who must not be written down it is rolled back at the end.
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
from subscribers.invitations import by_invitation, demand_admission, may_join
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


class Answer(StrEnum):
    """What whoever asked to join is told; never whether the address is known."""

    MAILED = "mailed"
    TOO_MANY = "too_many"
    TOO_YOUNG = "too_young"
    TOO_OLD = "too_old"


_WRONG_AGES = {FormAge.TOO_YOUNG: Answer.TOO_YOUNG, FormAge.TOO_OLD: Answer.TOO_OLD}


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What a form brought besides its fields.

    Attributes:
        stamp: When it was shown; see `subscribers.forms.proof.stamp_form`.
        work: The solution of a challenge.
        trap: A field that people do not see; whoever fills it is a program, thanked for nothing.
        message: The digest of a mail, which asks once however often it comes.
        authenticated: Whether a mail's sender was found to be genuine.
    """

    stamp: str = ""
    work: str = ""
    trap: str = ""
    message: str = ""
    authenticated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Applicant:
    """Who asks to join, with what they filled in and what else came with it.

    Attributes:
        address: Whose mailbox gets the confirmation.
        origin: Where and to what they consent.
        client: The network address that the request comes from; None of a mail.
        evidence: What the form brought besides its fields.
        name: How they want to be addressed.
        time_zone: That of the browser; empty if unknown.
        form: By which form it came.
        given: What was filled in, by the keys of fields.
        frequency: How often they want mail, where the form asks it; empty for each issue.
        invitation: The secret of an invitation link; empty for none.
        is_certain: Whether they saw that the domain looks mistyped, or did not type it at all.
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
    """Takes requests to join; made once from the settings."""

    engine: Engine
    signer: TokenSigner
    limits: JoinLimits
    domains: DomainRules
    work: ProofOfWork
    templates_dir: Path
    confirm_days: int

    @classmethod
    def of(cls, settings: Settings, engine: Engine, signer: TokenSigner) -> JoinRequests:
        """Return what takes requests, as the settings have it."""
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
        """By which limits know senders, and the erased stay known."""
        return self.signer.pseudonyms

    def take(self, newsletter: NewsletterRow, applicant: Applicant) -> Answer:
        """Take a request, unless the form, its network or the newsletter's limit forbids it.

        An address that had its mails of the day gets no other, and the answer does not say so.

        Raises:
            ListError: The address is at a domain that is not taken or looks mistyped, or a field is
                filled in wrong; the place names the field.
            ForbiddenError: The newsletter is joined by invitation, and there is none that holds.
        """
        evidence, domain = applicant.evidence, applicant.address.domain
        self._demand_invitation(newsletter, applicant.invitation)
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
        # Counted before: nobody has many names asked of DNS.
        self.domains.refuse_without_host(domain)
        if self._count_address(newsletter, applicant):
            self._write(newsletter, applicant, answers, frequency)
        return Answer.MAILED

    def _was_taken(self, message: str) -> bool:
        """Tell whether a mail, by its digest, was taken before; a form has none."""
        if not message:
            return False
        with reading(self.engine) as session:
            return was_used(session, self.pseudonyms, message)

    def _read(
        self, newsletter: NewsletterRow, applicant: Applicant
    ) -> tuple[Mapping[str, FieldValue | None], Frequency | None]:
        """Return what was answered, and how often they want mail; None where they do not say.

        Raises:
            ListError: A field is filled in wrong.
        """
        form, asked = applicant.form, applicant.frequency
        with reading(self.engine) as session:
            answers = read_answers(session, newsletter.id, form, applicant.given)
            if not (form.asks_frequency and asked):
                return answers, None
            return answers, read_frequency(session, newsletter.id, asked)

    def _count_sender(self, newsletter: NewsletterRow, applicant: Applicant) -> bool:
        """Count a request for the network it comes from; tell whether that may send another."""
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
        """Count a request for its address and its form; tell whether the address may get mail.

        Whoever asks by mail saw no form. One that brings no time at which it was shown stands on
        another site, and was shown there, at least to whoever sent it.
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
        """Write a request down and queue its mail, or do as much work and roll it back."""
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
            # Only now: adding the person waited for an erasure that was under way.
            if erased_among(session, [applicant.address.key], self.pseudonyms):
                session.rollback()

    def _demand_invitation(self, newsletter: NewsletterRow, invitation: str) -> None:
        """Refuse who may not ask, before anything tells whether the address is known."""
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
        """Send what there is to confirm, which uses an invitation up by one, or the settings."""
        if request.confirmed:
            send_settings_link(
                session,
                newsletter,
                request.subscriber_id,
                language=applicant.origin.written_in,
                templates_dir=self.templates_dir,
            )
            return
        demand_admission(session, newsletter, applicant.invitation)
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
