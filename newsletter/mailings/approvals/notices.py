"""Mail about approvals and comments, with a link to the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import rights_of
from newsletter.addresses import parse_address
from newsletter.database.tables import AccountRow, IssueRow, NewsletterRow
from newsletter.i18n.values import Worded
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.notices.queue import create_notice
from newsletter.rendering.notices import NoticeDraft, NoticeTemplate, render_notice
from subscribers.people import find_or_add_person

#: The notices that link to the page for reviewing the whole issue.
_OF_REVIEW = frozenset({NoticeTemplate.APPROVAL_REQUEST, NoticeTemplate.COMMENTS})


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """The settings for notices: the templates' folder, and the base URL of pages."""

    templates_dir: Path
    public_url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalNews:
    """An event to notify people of: an approval requested, given or returned, or a comment."""

    template: NoticeTemplate
    issue: IssueRow
    person: str
    words: str = ""
    facts: tuple[Worded, ...] = ()


def tell_by_mail(
    session: Session, news: ApprovalNews, recipients: Iterable[AccountRow], post: Post
) -> None:
    """Queue a notice to each account, in its language.

    Accounts that were disabled or lost the role since are left out. The link opens a page that
    requires signing in, so it is not secret and does not expire.
    """
    newsletter = session.get_one(NewsletterRow, news.issue.newsletter_id)
    page = "review" if news.template in _OF_REVIEW else ""
    path = f"/newsletters/{newsletter.slug}/issues/{news.issue.id}/send/{page}".rstrip("/")
    for account in recipients:
        rights = rights_of(session, account.id)
        if account.disabled_at is not None or not rights.may(
            Permission.SEE_MAILINGS, newsletter.id
        ):
            continue
        draft = NoticeDraft(
            template=news.template,
            language=account.language,
            publisher=publisher_of(newsletter),
            about=news.issue.title,
            person=news.person,
            words=news.words,
            facts=tuple(fact.in_language(account.language) for fact in news.facts),
        )
        rendered = render_notice(
            draft, templates_dir=post.templates_dir, action_url=f"{post.public_url}{path}"
        )
        person = find_or_add_person(session, parse_address(account.address))
        create_notice(
            session,
            newsletter_id=newsletter.id,
            subscriber_id=person.id,
            rendered=rendered,
            kind=news.template.value,
        )
