"""Readiness: run preflight on a stored issue, a draft or a file, as it would be sent."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import IssueRow, NewsletterRow
from newsletter.issues.checks.findings import Finding
from newsletter.issues.checks.repeats import find_repeats
from newsletter.issues.drafts.saving import Draft
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.snippets import resolve_snippets
from newsletter.issues.sources.reading import ReadIssue
from newsletter.issues.store import default_slug
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.orders.variant_checks import check_translations, check_variants
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.newsletters.dictionary import list_folded
from newsletter.newsletters.sender_domain import ask_sender_domain, check_sender_domain
from newsletter.rendering.preflight import Preflight, PriorFindings, run_preflight
from newsletter.settings import Settings


def check_stored(
    issue: IssueRow,
    newsletter: NewsletterRow,
    settings: Settings,
    *,
    ask_dns: bool = True,
    known: PriorFindings | None = None,
) -> Preflight:
    """Check an issue in the database; ``known`` is the result of `stored_findings` for it.

    Raises:
        NotFoundError: The issue's template does not exist.
    """
    # Mail into the mailbox of this machine needs no SPF, DKIM or DMARC.
    outward = bool(settings.mail_transports) and settings.mailbox_file is None
    domain = newsletter.from_address.rpartition("@")[2]
    known = known or PriorFindings()
    if ask_dns and outward:
        sender = _check_sender(domain, settings)
        known = replace(known, findings=(*known.findings, *sender))
    return run_preflight(
        issue_from_json(issue.content),
        template=issue.template or newsletter.template,
        templates_dir=settings.templates_dir,
        publisher=publisher_of(newsletter),
        known=known,
        own_site=settings.public_url,
    )


def stored_findings(
    session: Session,
    newsletter: NewsletterRow,
    content: Issue,
    *,
    besides: int | None,
    is_correction: bool = False,
    figures: Figures | None = None,
) -> PriorFindings:
    """Return the findings about an issue that need the database.

    They concern earlier issues, variants and translations, and the newsletter's own dictionary.

    Args:
        session: The database session.
        newsletter: The issue's newsletter.
        content: The present content.
        besides: The stored issue, which is left out of the comparison with earlier issues; None if
            the content was never stored.
        is_correction: Whether the content corrects that issue, which was sent.
        figures: Cached counts of readers; None to count again.
    """
    issue = resolve_snippets(content, dict(publisher_of(newsletter).snippets))
    repeats = find_repeats(
        session, newsletter.id, content, besides=besides, is_correction=is_correction
    )
    known = check_variants(session, newsletter, issue, figures=figures)
    translations = check_translations(
        session, newsletter, issue, corrects=besides if is_correction else None
    )
    return replace(
        known,
        findings=(*repeats, *known.findings, *translations),
        words=list_folded(session, newsletter.id),
    )


def check_brought(
    session: Session, read: ReadIssue, newsletter: NewsletterRow, settings: Settings
) -> Preflight:
    """Check an issue from a file as if it were imported, without DNS look-ups.

    Raises:
        NotFoundError: The issue's template does not exist.
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
        known=stored_findings(session, newsletter, read.issue, besides=there),
        own_site=settings.public_url,
    )


def check_draft(draft: Draft, newsletter: NewsletterRow, settings: Settings) -> Preflight:
    """Check a saved draft, without DNS look-ups.

    Raises:
        NotFoundError: The draft's template does not exist.
    """
    return run_preflight(
        draft.issue,
        template=draft.template or newsletter.template,
        templates_dir=settings.templates_dir,
        publisher=publisher_of(newsletter),
        own_site=settings.public_url,
    )


def _check_sender(domain: str, settings: Settings) -> list[Finding]:
    sender = ask_sender_domain(domain, dkim_name=_dkim_name(domain, settings))
    return list(check_sender_domain(sender))


def _dkim_name(domain: str, settings: Settings) -> str:
    """Return the DNS name of the public key for the first DKIM key of a domain."""
    for words in settings.dkim_keys:
        of, _, rest = words.lower().partition(":")
        if domain == of or domain.endswith(f".{of}"):
            return f"{rest.partition(':')[0]}._domainkey.{of}"
    return ""
