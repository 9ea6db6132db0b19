"""Mail about approvals and comments: to those concerned; its link opens the page."""

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

#: What leads to the page where an issue is looked at as a whole.
_OF_REVIEW = frozenset({NoticeTemplate.APPROVAL_REQUEST, NoticeTemplate.COMMENTS})


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """By what a notice is made: the templates' folder, and where the pages are."""

    templates_dir: Path
    public_url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalNews:
    """What happened: who asked for approval, gave it, sent an issue back, or commented on it."""

    template: NoticeTemplate
    issue: IssueRow
    person: str
    words: str = ""
    facts: tuple[Worded, ...] = ()


def tell_by_mail(
    session: Session, news: ApprovalNews, recipients: Iterable[AccountRow], post: Post
) -> None:
    """Queue a notice to each account that may still see what it is about, in its language.

    Whoever had a part in it may have lost the role since, or be disabled. The link opens a page
    behind the sign-in: it is no secret, and lasts.
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
