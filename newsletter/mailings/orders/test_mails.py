"""Test mails: an issue sent to a few people by the same engine, marked and not counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.addresses import Address, parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    BatchRow,
    DeliveryRow,
    IssueRow,
    MailingRow,
    NewsletterRow,
    TestGroupRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, MailingKind, MailingState, UncertainPolicy
from newsletter.edit_conflicts import merge_changes
from newsletter.errors import ConflictError, ListError, NotFoundError
from newsletter.i18n.messages import msg, pmsg
from newsletter.issues.model import issue_from_json
from newsletter.mailings.mailings import freeze_content
from newsletter.mailings.notices.queue import PRIORITY
from newsletter.mailings.orders.readiness import check_stored
from newsletter.mailings.planning.shown_as import (
    UNKNOWN,
    find_shown_as,
    require_shown_as,
    with_values,
)
from newsletter.newsletters.issue_actions import record_on_issue
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.render import render_as
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms
from subscribers.people import find_or_add_person
from subscribers.suppression import erased_among

#: The prefix of a test mail's subject.
_MARK = pmsg("test mail", "[test] ")
_MOST = 50
#: The maximum number of test mails of one newsletter within 24 hours.
_MOST_A_DAY = 500


def read_addresses(text: str) -> tuple[Address, ...]:
    """Parse addresses, separated by line ends or commas, without duplicates.

    Raises:
        ListError: An address is not valid, or there is none, or there are more than 50.
    """
    words = text.replace(",", "\n").split("\n")
    addresses = {
        address.key: address for word in words if word.strip() for address in [_read(word)]
    }
    if not addresses:
        raise ListError(
            msg("An email address is missing."), remedy=msg("Enter one address per line.")
        )
    if len(addresses) > _MOST:
        raise ListError(msg("A test can be sent to at most {limit} addresses.", limit=_MOST))
    return tuple(addresses.values())


def recipients_of(
    session: Session, newsletter_id: int, *, group: str = "", to: str = ""
) -> tuple[Address, ...]:
    """Return the recipients of a test: a group by its number or name, or the given addresses.

    Raises:
        ListError: As for `read_addresses`.
        NotFoundError: The newsletter has no such group.
    """
    return read_addresses(group_addresses(session, newsletter_id, group) if group else to)


def _read(word: str) -> Address:
    return parse_address(word.strip())


def order_test(
    engine: Engine,
    actor: Actor,
    newsletter: NewsletterRow,
    issue: IssueRow,
    *,
    group: str = "",
    to: str = "",
    shown_as: str = "",
    sees_people: bool = False,
    settings: Settings,
    pseudonyms: Pseudonyms,
) -> int:
    """Queue a test mail of an issue as it is now; return its mailing's number.

    Args:
        engine: The database.
        actor: The person who tests.
        newsletter: The issue's newsletter.
        issue: The issue.
        group: The number or name of a test group; empty to use ``to``.
        to: Addresses, separated by line ends or commas.
        shown_as: The key of the variant or the reader whose mail is sent; see
            `newsletter.mailings.planning.shown_as`. Empty for a mail with all parts.
        sees_people: Whether the actor may see single subscribers.
        settings: The settings, for templates and the public URL.
        pseudonyms: The pseudonyms by which erased addresses are recognised.

    Raises:
        ConflictError: The issue cannot be rendered, or the mail would show one reader's data to a
            group; or see `send_test`.
        ListError: An address is not valid, or there are too many or none.
        NotFoundError: There is no such group, or no such reader any more.
    """
    preflight = check_stored(issue, newsletter, settings, ask_dns=False)
    if preflight.rendered is None:
        raise ConflictError(
            msg("The issue cannot be turned into an email; see the preflight results.")
        )
    with reading(engine) as session:
        shown = find_shown_as(
            session,
            newsletter,
            issue_from_json(issue.content),
            shown_as,
            sees_people=sees_people,
            language=preflight.rendered.language,
        )
    require_shown_as(shown, shown_as)
    if group and shown.person is not None:
        raise ConflictError(
            msg("What one subscriber gets holds personal data and is not sent to a group."),
            remedy=msg("Send it to yourself, or show it as the readers of a condition."),
        )
    rendered = render_as(preflight.rendered, shown.met)
    if shown.person is not None or shown.key == UNKNOWN:
        rendered = with_values(rendered, shown.reader)
    with transaction(engine) as session:
        addresses = recipients_of(session, newsletter.id, group=group, to=to)
        return send_test(session, actor, newsletter, issue, rendered, addresses, pseudonyms)


def send_test(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    issue: IssueRow,
    rendered: RenderedIssue,
    addresses: Sequence[Address],
    pseudonyms: Pseudonyms,
) -> int:
    """Queue a test mail of an issue and log it; result and errors as for `queue_test`."""
    mailing_id = queue_test(
        session, newsletter, issue.title, rendered, addresses, pseudonyms, issue_id=issue.id
    )
    record_on_issue(
        session,
        actor,
        Action.ISSUE_TEST,
        issue,
        # Without addresses: they are in the mailing, where they can be erased, unlike in the log.
        details={"mailing": mailing_id, "recipients": len(addresses)},
    )
    session.flush()
    return mailing_id


def queue_test(
    session: Session,
    newsletter: NewsletterRow,
    title: str,
    rendered: RenderedIssue,
    addresses: Sequence[Address],
    pseudonyms: Pseudonyms,
    *,
    issue_id: int | None = None,
) -> int:
    """Queue a test mail, which has priority over mailings; return its mailing's number.

    Raises:
        ConflictError: A recipient was erased; or approval is required, was not given, and an
            address does not belong to an account; or too many tests were sent today.
    """
    people = [find_or_add_person(session, address) for address in addresses]
    # After the people were added, which waits for erasures that run at the same time.
    if erased_among(session, [address.key for address in addresses], pseudonyms):
        raise ConflictError(msg("One of the addresses has asked not to receive email any more."))
    if newsletter.approval_required:
        _require_colleagues(session, addresses)
    moment = now()
    _require_few(session, newsletter.id, moment, len(addresses))
    mailing = MailingRow(
        newsletter_id=newsletter.id,
        issue_id=issue_id,
        kind=MailingKind.TEST,
        state=MailingState.SENDING,
        priority=PRIORITY,
        uncertain_policy=UncertainPolicy.LEAVE,
        title=title,
        planned=len(addresses),
        batch_size=len(addresses),
        started_at=moment,
    )
    session.add(mailing)
    session.flush()
    mark = _MARK.in_language(rendered.language)
    # The mail was rendered for the chosen readers, so there are no variants.
    marked = replace(rendered, subject=(mark, *rendered.subject), variants=None)
    freeze_content(session, mailing.id, newsletter, marked, date=moment, kind=MailingKind.TEST)
    for position, person in enumerate(people, 1):
        session.add(
            DeliveryRow(
                mailing_id=mailing.id,
                position=position,
                subscriber_id=person.id,
                state=DeliveryState.QUEUED,
            )
        )
    session.add(
        BatchRow(
            mailing_id=mailing.id,
            number=1,
            first_position=1,
            last_position=len(addresses),
            due_at=moment,
        )
    )
    session.flush()
    return mailing.id


def _require_colleagues(session: Session, addresses: Sequence[Address]) -> None:
    """Raise if a test of an unapproved issue goes to an address that is not an account's."""
    if {address.key for address in addresses} - _accounts_of(session, addresses).keys():
        raise ConflictError(
            msg("While issues need approval, tests can be sent only to people with an account."),
            remedy=msg("Remove the other addresses from the group, or invite these people."),
        )


def _accounts_of(session: Session, addresses: Sequence[Address]) -> dict[str, int]:
    """Return the ids of the active accounts with these addresses, by address key."""
    return dict(
        session.execute(
            select(AccountRow.address_key, AccountRow.id).where(
                AccountRow.address_key.in_([address.key for address in addresses]),
                AccountRow.disabled_at.is_(None),
            )
        ).all()
    )


def _require_few(session: Session, newsletter_id: int, moment: datetime, more: int) -> None:
    sent = session.scalar(
        select(func.coalesce(func.sum(MailingRow.planned), 0)).where(
            MailingRow.newsletter_id == newsletter_id,
            MailingRow.kind == MailingKind.TEST,
            MailingRow.started_at > moment - timedelta(days=1),
        )
    )
    if (sent or 0) + more > _MOST_A_DAY:
        raise ConflictError(
            msg("The limit of {limit} test emails a day would be exceeded.", limit=_MOST_A_DAY),
            remedy=msg("Try again tomorrow, or test with fewer addresses."),
        )


def list_groups(session: Session, newsletter_id: int) -> Sequence[TestGroupRow]:
    """Return a newsletter's test groups by name."""
    return session.scalars(
        select(TestGroupRow)
        .where(TestGroupRow.newsletter_id == newsletter_id)
        .order_by(TestGroupRow.name)
    ).all()


def group_addresses(session: Session, newsletter_id: int, group: str) -> str:
    """Return the addresses, one per line, of a test group given by its name or number.

    Raises:
        NotFoundError: The newsletter has no such group.
    """
    for row in list_groups(session, newsletter_id):
        if group in {row.name, str(row.id)}:
            return row.addresses
    raise NotFoundError(msg("There is no such group."))


@dataclass(frozen=True, kw_only=True, slots=True)
class TestGroups:
    """Test groups as a form shows them: the addresses, one per line, by group name."""

    __test__ = False

    addresses: Mapping[str, str]

    @classmethod
    def of(cls, groups: Iterable[TestGroupRow]) -> TestGroups:
        """Return groups as a form shows them."""
        return cls(addresses={group.name: group.addresses for group in groups})


def save_group(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    *,
    name: str,
    addresses: str,
    shown: str = "",
) -> None:
    """Save a test group, replacing the one with the same name.

    Args:
        session: The database session.
        actor: The person who saves.
        newsletter_id: The group's newsletter.
        name: The group's name.
        addresses: Its addresses, separated by line ends or commas.
        shown: The groups that the form showed, by `TestGroups`.

    Raises:
        ListError: The name is empty or too long, or an address is not valid.
        EditConflictError: Another person saved a group of that name meanwhile.
    """
    name = "".join(filter(str.isprintable, name)).strip()
    if not 0 < len(name) <= 64:  # noqa: PLR2004 - the column's width
        raise ListError(msg("A group needs a name of at most 64 characters."))
    members = read_addresses(addresses)
    # Locks the newsletter's row, since a new group has no row to lock.
    session.execute(
        select(NewsletterRow.id)
        .where(NewsletterRow.id == newsletter_id)
        .with_for_update(key_share=True)
    )
    known = {group.name: group for group in list_groups(session, newsletter_id)}
    sent = TestGroups(addresses={name: "\n".join(each.address for each in members)})
    if shown:
        merge_changes(shown, sent, TestGroups.of(known.values())).require()
    group = known.get(name) or TestGroupRow(newsletter_id=newsletter_id, name=name)
    group.addresses = sent.addresses[name]
    session.add(group)
    record_event(
        session,
        actor,
        Action.TEST_GROUP_SAVE,
        object=name,
        newsletter_id=newsletter_id,
        details={
            "recipients": len(members),
            "accounts": sorted(_accounts_of(session, members).values()),
        },
    )
    session.flush()
