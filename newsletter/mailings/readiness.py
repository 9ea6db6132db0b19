"""Clearance: a stored issue checked as it would be sent, its sender's domain included."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import IssueRow, NewsletterRow
from newsletter.issues.drafts import Draft
from newsletter.issues.findings import Finding
from newsletter.issues.model import issue_from_json
from newsletter.issues.repeats import find_repeats
from newsletter.issues.sources import ReadIssue
from newsletter.issues.store import default_slug
from newsletter.mailings.mailings import publisher_of
from newsletter.newsletters.sender_domain import ask_sender_domain, judge_sender_domain
from newsletter.rendering.preflight import Preflight, run_preflight
from newsletter.settings import Settings


def check_stored(
    issue: IssueRow,
    newsletter: NewsletterRow,
    settings: Settings,
    *,
    ask_dns: bool = True,
    repeats: Sequence[Finding] = (),
) -> Preflight:
    """Check an issue in the database; ``repeats`` are what `repeats_of` returns of it.

    Raises:
        NotFoundError: Its template does not exist.
    """
    # A mailbox on this machine asks for no proof of who sends.
    outward = bool(settings.mail_transports) and settings.mailbox_file is None
    domain = newsletter.from_address.rpartition("@")[2]
    asked = ask_dns and outward
    return run_preflight(
        issue_from_json(issue.content),
        template=issue.template or newsletter.template,
        templates_dir=settings.templates_dir,
        publisher=publisher_of(newsletter),
        more=[*repeats, *(_judge_sender(domain, settings) if asked else [])],
        own_site=settings.public_url,
    )


def repeats_of(session: Session, issue: IssueRow) -> Sequence[Finding]:
    """Return warnings of what readers have had already of what an issue says."""
    content = issue_from_json(issue.content)
    return find_repeats(session, issue.newsletter_id, content, besides=issue.id)


def check_brought(
    session: Session, read: ReadIssue, newsletter: NewsletterRow, settings: Settings
) -> Preflight:
    """Check an issue that was read from a file, as it would be once imported; asks no DNS.

    Raises:
        NotFoundError: Its template does not exist.
    """
    there = session.scalars(
        select(IssueRow.id).where(
            IssueRow.newsletter_id == newsletter.id, IssueRow.slug == default_slug(read.issue)
        )
    ).one_or_none()
    return run_preflight(
        read.issue,
        template=read.template or newsletter.template,
        templates_dir=settings.templates_dir,
        publisher=publisher_of(newsletter),
        more=find_repeats(session, newsletter.id, read.issue, besides=there),
        own_site=settings.public_url,
    )


def check_draft(draft: Draft, newsletter: NewsletterRow, settings: Settings) -> Preflight:
    """Check a draft as it was saved, without asking DNS.

    Raises:
        NotFoundError: Its template does not exist.
    """
    return run_preflight(
        draft.issue,
        template=draft.template or newsletter.template,
        templates_dir=settings.templates_dir,
        publisher=publisher_of(newsletter),
        own_site=settings.public_url,
    )


def _judge_sender(domain: str, settings: Settings) -> list[Finding]:
    found = ask_sender_domain(domain, dkim_name=_dkim_name(domain, settings))
    return list(judge_sender_domain(found))


def _dkim_name(domain: str, settings: Settings) -> str:
    """Return where the first key that signs for a domain should stand in DNS."""
    for words in settings.dkim_keys:
        of, _, rest = words.lower().partition(":")
        if domain == of or domain.endswith(f".{of}"):
            return f"{rest.partition(':')[0]}._domainkey.{of}"
    return ""
