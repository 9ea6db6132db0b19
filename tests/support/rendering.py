"""Stored issues rendered as they would be sent, without the checks that sending makes."""

from __future__ import annotations

from pathlib import Path

from newsletter.database.tables import IssueRow, NewsletterRow
from newsletter.issues.model import issue_from_json
from newsletter.mailings.mailings import publisher_of
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.render import render_issue


def render_stored(
    issue: IssueRow, newsletter: NewsletterRow, *, templates_dir: Path
) -> RenderedIssue:
    """Render an issue in its own template, or else its newsletter's.

    Raises:
        TemplateError: See `render_issue`.
    """
    return render_issue(
        issue_from_json(issue.content),
        template=issue.template or newsletter.template,
        templates_dir=templates_dir,
        publisher=publisher_of(newsletter),
    )
