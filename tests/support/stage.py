"""A newsletter with subscribers and an issue, as tests of delivery begin."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Engine, select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DeliveryRow, SubscriberRow
from newsletter.database.vocabulary import DeliveryState, MailingState, UncertainPolicy, Visibility
from newsletter.i18n.language import Language
from newsletter.issues.sources.reading import ReadIssue, read_issue
from newsletter.issues.store import StoredIssue, find_issue, save_issue
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.ledger.schedule import AT_ONCE, Schedule
from newsletter.mailings.mailings import create_mailing, publisher_of
from newsletter.mailings.reports.progress import progress
from newsletter.mailings.trials.subjects import SubjectTrial
from newsletter.newsletters.publications import (
    Newsletter,
    NewsletterDraft,
    create_newsletter,
    find_newsletter,
)
from newsletter.rendering.model import Publisher, RenderedIssue
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from subscribers.lists.imports.imports import import_csv
from subscribers.segments.saved import change_segment, find_segment
from tests.support.ports import await_condition
from tests.support.rendering import render_stored

DRAFT = NewsletterDraft(
    slug="digest",
    name="まちのデジタル便り",
    from_address="digest@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
    visibility=Visibility.PUBLIC,
)


@dataclass
class Stage:
    engine: Engine
    newsletter_id: int
    issue: str

    def subscribe(self, *addresses: str) -> None:
        lines = ["email\n", *(f"{address}\n" for address in addresses)]
        import_csv(self.engine, self.newsletter_id, lines, source="test", basis="test")

    def redefine(self, segment: str, query: str) -> None:
        """Let a saved segment ask for other people."""
        with transaction(self.engine) as session:
            before = find_segment(session, self.newsletter_id, segment).query
            change_segment(
                session, self.newsletter_id, segment, name=segment, query=query, before=before
            )

    def subscriber_id(self, address: str) -> int:
        with reading(self.engine) as session:
            return session.scalars(
                select(SubscriberRow.id).where(SubscriberRow.address_key == address)
            ).one()

    def mail(
        self,
        *,
        batch_size: int = 25,
        segment: str = "",
        schedule: Schedule = AT_ONCE,
        uncertain_policy: UncertainPolicy = UncertainPolicy.ASK,
        trial: SubjectTrial | None = None,
    ) -> int:
        with transaction(self.engine) as session:
            newsletter = find_newsletter(session, "digest")
            issue = find_issue(session, newsletter.id, self.issue)
            return create_mailing(
                session,
                newsletter,
                issue,
                _render(issue, newsletter),
                batch_size=batch_size,
                plan=SendingPlan(segment=segment, schedule=schedule, trial=trial),
                uncertain_policy=uncertain_policy,
            )

    def counts(self, mailing_id: int) -> dict[DeliveryState, int]:
        return dict(progress(self.engine, mailing_id).counts)

    def state_of(self, mailing_id: int, address: str) -> DeliveryState:
        with reading(self.engine) as session:
            return session.scalars(
                select(DeliveryRow.state).where(
                    DeliveryRow.mailing_id == mailing_id,
                    DeliveryRow.subscriber_id == self.subscriber_id(address),
                )
            ).one()

    def await_end(self, mailing_id: int, *, seconds: float = 180) -> None:
        await_condition(
            lambda: progress(self.engine, mailing_id).state is MailingState.FINISHED,
            seconds=seconds,
            what=f"mailing {mailing_id} to finish",
        )


@lru_cache(maxsize=8)
def _read(source: bytes | None) -> ReadIssue:
    """Read an issue, once for all tests that begin with it."""
    return read_issue(source or sample_issue(Language.JAPANESE), source="issue")


#: What was rendered in this process, by what it was rendered from.
_RENDERED: dict[tuple[str, str, str, Publisher], RenderedIssue] = {}


def _render(issue: StoredIssue, newsletter: Newsletter) -> RenderedIssue:
    """Render an issue, once for all tests in which its mail is the same."""
    content = json.dumps(issue.content)
    key = (content, issue.template, newsletter.template, publisher_of(newsletter))
    if key not in _RENDERED:
        folder = Settings(_env_file=None).templates_dir
        _RENDERED[key] = render_stored(issue, newsletter, templates_dir=folder)
    return _RENDERED[key]


def set_stage(engine: Engine, source: bytes | None = None, *, readers: int = 0) -> Stage:
    """Make a newsletter with an issue; ``readers`` are ``reader0@example.jp`` and on."""
    with transaction(engine) as session:
        newsletter = create_newsletter(session, DRAFT)
        issue = save_issue(session, newsletter.id, _read(source))
        stage = Stage(engine=engine, newsletter_id=newsletter.id, issue=issue.slug)
    if readers:
        stage.subscribe(*(f"reader{number}@example.jp" for number in range(readers)))
    return stage


def find_stage(engine: Engine) -> Stage:
    """Return what `set_stage` made, in another process."""
    with reading(engine) as session:
        newsletter = find_newsletter(session, DRAFT.slug)
        issue = find_issue(session, newsletter.id, None)
        return Stage(engine=engine, newsletter_id=newsletter.id, issue=issue.slug)


def set_subscribers(engine: Engine, newsletter: str, names: dict[str, str]) -> None:
    """Subscribe people by address, with their names."""
    with reading(engine) as session:
        number = find_newsletter(session, newsletter).id
    lines = ["email,name\n", *(f"{address},{name}\n" for address, name in names.items())]
    import_csv(engine, number, lines, source="test", basis="test")
