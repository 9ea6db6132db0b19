"""Test mail: an issue to a few people, by the engine that sends it to all, marked, not counted."""

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
    demand_shown_as,
    find_shown_as,
    with_values,
)
from newsletter.newsletters.issue_actions import record_on_issue
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.render import render_as
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms
from subscribers.people import find_or_add_person
from subscribers.suppression import erased_among

#: What stands before the subject of a test mail.
_MARK = pmsg("test mail", "[test] ")
_MOST = 50
#: Test mails of one newsletter within 24 hours.
_MOST_A_DAY = 500


def read_addresses(text: str) -> tuple[Address, ...]:
    """Read addresses, one a line or between commas; each counts once.

    Raises:
        ListError: One is no address, there is none, or there are more than 50.
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
    """Return to whom a test goes: a group by its number or name, or the addresses given.

    Raises:
        ListError: As `read_addresses`.
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
    """Queue a test mail of an issue as it stands; return its mailing's number.

    Args:
        engine: The database.
        actor: Who tests.
        newsletter: Whose issue.
        issue: Which.
        group: The number or the name of the test group it goes to.
        to: Addresses, one a line or between commas, where it goes to no group.
        shown_as: The key of the readers, or of the one reader, whose mail it is; see
            `newsletter.mailings.planning.shown_as`. Without one it has all parts.
        sees_people: Whether who tests may see single subscribers.
        settings: Where templates lie, and how the site is called.
        pseudonyms: By which the erased are known.

    Raises:
        ConflictError: It cannot be rendered, or it would show one reader's data to a group; or see
            `send_test`.
        ListError: An address is none, or there are too many or none.
        NotFoundError: There is no such group, or the readers are no longer there.
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
    demand_shown_as(shown, shown_as)
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
    """Queue a test mail of an issue; see `queue_test` for errors and what is returned."""
    mailing_id = queue_test(
        session, newsletter, issue.title, rendered, addresses, pseudonyms, issue_id=issue.id
    )
    record_on_issue(
        session,
        actor,
        Action.ISSUE_TEST,
        issue,
        # To whom is in the mailing, whose readers can be erased; nothing of the log can be.
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
    """Queue a test mail, ahead of every mailing; return its mailing's number.

    Raises:
        ConflictError: Somebody asked to be erased; they get no test either. Or nobody approved, and
            an address is no account's; or too many tests went out today.
    """
    people = [find_or_add_person(session, address) for address in addresses]
    # Only now: adding people waited for erasures that were under way.
    if erased_among(session, [address.key for address in addresses], pseudonyms):
        raise ConflictError(msg("One of the addresses has asked not to receive email any more."))
    if newsletter.approval_required:
        _demand_colleagues(session, addresses)
    moment = now()
    _demand_few(session, newsletter.id, moment, len(addresses))
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
    # What is rendered here is all of it, or what the readers get whom it is shown as.
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


def _demand_colleagues(session: Session, addresses: Sequence[Address]) -> None:
    """Where a second person approves, what nobody approved goes to those who sign in alone."""
    if {address.key for address in addresses} - _accounts_of(session, addresses).keys():
        raise ConflictError(
            msg("While issues need approval, tests can be sent only to people with an account."),
            remedy=msg("Remove the other addresses from the group, or invite these people."),
        )


def _accounts_of(session: Session, addresses: Sequence[Address]) -> dict[str, int]:
    """Return the numbers of the accounts in use that have these addresses, by their keys."""
    return dict(
        session.execute(
            select(AccountRow.address_key, AccountRow.id).where(
                AccountRow.address_key.in_([address.key for address in addresses]),
                AccountRow.disabled_at.is_(None),
            )
        ).all()
    )


def _demand_few(session: Session, newsletter_id: int, moment: datetime, more: int) -> None:
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
    """Return the addresses, one a line, of a test group that is named, or whose number is given.

    Raises:
        NotFoundError: The newsletter has no such group.
    """
    for row in list_groups(session, newsletter_id):
        if group in {row.name, str(row.id)}:
            return row.addresses
    raise NotFoundError(msg("There is no such group."))


@dataclass(frozen=True, kw_only=True, slots=True)
class TestGroups:
    """Test groups as a form shows them: the addresses of each, one a line, by its name."""

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
    """Save a test group, in place of the one of that name.

    Args:
        session: Within the transaction that does it.
        actor: Who does it.
        newsletter_id: Whose group it is.
        name: What it is called.
        addresses: Who is in it, one a line or between commas.
        shown: Which groups the form showed, of `TestGroups`.

    Raises:
        ListError: The name is empty or too long, or an address is none.
        EditConflictError: Somebody else saved one of that name meanwhile.
    """
    name = "".join(filter(str.isprintable, name)).strip()
    if not 0 < len(name) <= 64:  # noqa: PLR2004 - the column's width
        raise ListError(msg("A group needs a name of at most 64 characters."))
    members = read_addresses(addresses)
    # One at a time, also of a name that there is no group of yet.
    session.execute(
        select(NewsletterRow.id)
        .where(NewsletterRow.id == newsletter_id)
        .with_for_update(key_share=True)
    )
    known = {group.name: group for group in list_groups(session, newsletter_id)}
    sent = TestGroups(addresses={name: "\n".join(each.address for each in members)})
    if shown:
        merge_changes(shown, sent, TestGroups.of(known.values())).demand()
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
