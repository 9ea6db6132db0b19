"""What is done to a person, each with its rule and its entry in the audit log, from every door."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Engine, Select
from sqlalchemy.orm import Session

from newsletter.accounts.actions import read_reason
from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.audit_details import Detail
from newsletter.accounts.roles import Rights
from newsletter.database.engine import transaction
from newsletter.database.tables import NewsletterRow, SegmentRow
from newsletter.database.vocabulary import SubscriptionState, SuppressionReason, UnsubscribeWay
from newsletter.errors import NotFoundError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.tokens import Pseudonyms
from subscribers.address_changes import former_addresses
from subscribers.erasure import erase, erase_within, is_known_elsewhere
from subscribers.fields.actions import add_fields
from subscribers.leaving import unsubscribe
from subscribers.lists.columns.new_fields import NewFields
from subscribers.lists.exports.csv_export import csv_pages
from subscribers.lists.exports.exports import ListPage, exported, json_pages
from subscribers.lists.exports.readable_csv import readable_pages
from subscribers.lists.imports.trials import with_fields
from subscribers.lists.imports.undo import find_import, order_undo
from subscribers.lists.imports.uploads import ImportTerms, ListUpload, cancel_upload, order_upload
from subscribers.people import PersonRecord, lift_from, standing_of
from subscribers.segments import saved
from subscribers.suppression import suppress


def unsubscribe_person(
    session: Session,
    actor: Actor,
    subscriber_id: int,
    *,
    newsletter_ids: Sequence[int],
    reason: str,
) -> Sequence[int]:
    """End a person's subscriptions as an operator; return the newsletters that were left.

    Raises:
        OrderError: There is no reason, or one of more than 500 characters.
    """
    why = read_reason(reason)
    left = [
        number
        for number in newsletter_ids
        if unsubscribe(
            session,
            newsletter_id=number,
            subscriber_id=subscriber_id,
            mailing_id=None,
            way=UnsubscribeWay.OPERATOR,
        )
    ]
    for number in left:
        _record(
            session,
            actor,
            Action.SUBSCRIBER_UNSUBSCRIBE,
            subscriber_id,
            newsletter_id=number,
            reason=why,
        )
    return left


def suppress_person(
    session: Session, actor: Actor, newsletter_id: int, subscriber_id: int, *, reason: str
) -> None:
    """Let a person's address get no mail of a newsletter any more.

    Raises:
        OrderError: There is no reason, or one of more than 500 characters.
        NotFoundError: Nobody of that number is on its list.
    """
    why = read_reason(reason)
    standing = find_standing(session, newsletter_id, subscriber_id)
    assert standing.person.address_key is not None  # noqa: S101 - the erased have no standing
    suppress(
        session,
        address_key=standing.person.address_key,
        reason=SuppressionReason.MANUAL,
        newsletter_id=newsletter_id,
        evidence=why,
    )
    _record(
        session,
        actor,
        Action.SUBSCRIBER_SUPPRESS,
        subscriber_id,
        newsletter_id=newsletter_id,
        reason=why,
    )


def lift_person(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    subscriber_id: int,
    *,
    reason: str,
    rights: Rights,
) -> None:
    """Let a person's address get mail again.

    Raises:
        OrderError: There is no reason, or one of more than 500 characters.
        NotFoundError: Nobody of that number is on the newsletter's list.
        ForbiddenError: A suppression holds for newsletters that these rights do not reach.
    """
    why = read_reason(reason)
    standing = find_standing(session, newsletter_id, subscriber_id)
    lift_from(session, standing, because=why, rights=rights)
    _record(
        session,
        actor,
        Action.SUBSCRIBER_LIFT,
        subscriber_id,
        newsletter_id=newsletter_id,
        reason=why,
    )


def erase_person(
    session: Session,
    actor: Actor,
    subscriber_id: int,
    pseudonyms: Pseudonyms,
    *,
    way: UnsubscribeWay,
) -> bool:
    """Erase a person with the addresses they had before; return False when that was done before.

    An address that was merged with theirs and has to do with other newsletters stays those'. The
    audit log keeps the number.
    """
    former = former_addresses(session, subscriber_id)
    if not erase(session, subscriber_id, pseudonyms, way=way):
        return False
    for number, group_id in former.items():
        if group_id is None or not is_known_elsewhere(session, number, group_id):
            erase(session, number, pseudonyms, way=way)
        else:
            erase_within(session, number, group_id)
    _record(session, actor, Action.SUBSCRIBER_ERASE, subscriber_id, details={"way": way.value})
    return True


def export_people(
    engine: Engine,
    actor: Actor,
    newsletter: NewsletterRow,
    *,
    segment: str = "",
    state: SubscriptionState | None = None,
    json_lines: bool = False,
    language: Language | None = None,
    among: Select[int] | None = None,
    text: str = "",
    tag: str = "",
    suppressed: bool = False,
    columns: Collection[str] | None = None,
) -> Iterator[ListPage]:
    """Write down who exports what, and return the list, a page in memory at a time.

    Args:
        engine: The database.
        actor: Whoever exports.
        newsletter: Whose people they want.
        segment: The name of a saved segment, or a query; empty for everybody.
        state: Of the subscription; None for any.
        json_lines: Whether they want JSON lines instead of CSV.
        language: Whose words the CSV has, for people to read; None for one that is imported again.
        among: The numbers of those whom a search found; None for all.
        text: What that search was for. Of an address the audit log keeps the domain alone, since
            it stays when the person is erased.
        tag: The tag that they all have.
        suppressed: Whether all their addresses are suppressed.
        columns: What a list for people to read has beside the address; None for everything.

    Raises:
        ListError: The segment is none.
    """
    with transaction(engine) as session:
        query = saved.segment_text(session, newsletter.id, segment)
        record_event(
            session,
            actor,
            Action.SUBSCRIBER_EXPORT,
            newsletter_id=newsletter.id,
            details={
                "segment": segment,
                "state": state.value if state else "",
                "searched": re.sub(r"[^\s@＠]*[@＠]", "…@", text),
                "tags": tag,
                **({"suppressed": True} if suppressed else {}),
            },
        )
    if json_lines:
        people = exported(engine, newsletter, segment=query, state=state, among=among)
        return json_pages(people)
    if language is not None:
        return readable_pages(
            engine,
            newsletter,
            language,
            segment=query,
            state=state,
            among=among,
            columns=columns,
        )
    return csv_pages(engine, newsletter, segment=query, state=state, among=among)


def save_segment(
    session: Session, actor: Actor, newsletter_id: int, *, name: str, query: str
) -> SegmentRow:
    """Save a segment in its normal form.

    Raises:
        ListError: The name or the query is none.
        ConflictError: The name is taken.
    """
    row = saved.save_segment(session, newsletter_id, name=name, query=query)
    record_event(
        session,
        actor,
        Action.SEGMENT_SAVE,
        object=f"segment {row.name}",
        newsletter_id=newsletter_id,
        details={"query": row.query},
    )
    return row


def change_segment(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    former: str,
    *,
    name: str,
    query: str,
    before: str,
) -> SegmentRow:
    """Give a saved segment another name or query.

    Raises:
        ListError: The name or the query is none.
        NotFoundError: There is no segment of the former name any more.
        ConflictError: Somebody else changed it meanwhile, or the name is taken.
    """
    row = saved.change_segment(
        session, newsletter_id, former, name=name, query=query, before=before
    )
    details: dict[Detail, object] = {"query": row.query, "before": before}
    if former != row.name:
        details["former"] = former
    record_event(
        session,
        actor,
        Action.SEGMENT_SAVE,
        object=f"segment {row.name}",
        newsletter_id=newsletter_id,
        details=details,
    )
    return row


def delete_segment(session: Session, actor: Actor, newsletter_id: int, name: str) -> None:
    """Delete a saved segment; mailings keep the text they were made with.

    Raises:
        NotFoundError: There is none of that name.
    """
    saved.delete_segment(session, newsletter_id, name)
    record_event(
        session,
        actor,
        Action.SEGMENT_DELETE,
        object=f"segment {name}",
        newsletter_id=newsletter_id,
    )


def order_list_import(
    session: Session,
    actor: Actor,
    upload: ListUpload,
    terms: ImportTerms | None,
    new: NewFields | None = None,
) -> None:
    """Let workers import a list that was brought; None goes on by its terms of before.

    Args:
        session: Within the transaction that does it.
        actor: Who does it.
        upload: The list.
        terms: How it is to be taken.
        new: Fields that are to be made of its other columns.

    Raises:
        ForbiddenError: The actor may not add fields.
        ConflictError: It is being imported already, or is done.
    """
    if new is not None and terms is not None:
        add_fields(session, actor, upload.newsletter_id, new.fields)
        terms = with_fields(terms, new)
    ordered = order_upload(session, upload, terms)
    record_import(
        session,
        actor,
        upload.newsletter_id,
        name=upload.name,
        basis=ordered.basis,
        rows=upload.rows,
    )


def cancel_list_import(session: Session, actor: Actor, upload: ListUpload) -> None:
    """Let a list be imported or checked no further; what was imported stays.

    Raises:
        ConflictError: It is neither waiting nor under way.
    """
    cancel_upload(session, upload)
    if upload.is_checked:
        return
    record_event(
        session,
        actor,
        Action.SUBSCRIBER_IMPORT_CANCEL,
        object=upload.name,
        newsletter_id=upload.newsletter_id,
    )


def undo_list_import(session: Session, actor: Actor, newsletter_id: int, import_id: int) -> None:
    """Let a mistaken import be undone as a whole; workers do it, page by page.

    They write down at its end what came of it (`subscribers.lists.imports.undo`).

    Raises:
        NotFoundError: The newsletter has no import of that number.
        ConflictError: It is under way, undone already, or too long ago.
    """
    row = find_import(session, newsletter_id, import_id)
    order_undo(session, row)
    record_event(
        session,
        actor,
        Action.SUBSCRIBER_IMPORT_UNDO,
        object=row.source,
        newsletter_id=newsletter_id,
        details={"import": row.id},
    )


def record_import(
    session: Session, actor: Actor, newsletter_id: int, *, name: str, basis: str, rows: int | None
) -> None:
    """Write down who imports which list, and on what ground; rows are None where not counted."""
    record_event(
        session,
        actor,
        Action.SUBSCRIBER_IMPORT,
        object=name,
        newsletter_id=newsletter_id,
        details={"basis": basis} if rows is None else {"basis": basis, "rows": rows},
    )


def find_standing(session: Session, newsletter_id: int, subscriber_id: int) -> PersonRecord:
    """Return a person's standing with a newsletter.

    Raises:
        NotFoundError: Nobody of that number is on its list.
    """
    standing = standing_of(session, newsletter_id, subscriber_id)
    if standing is None:
        raise NotFoundError(
            msg("There is no subscriber {subscriber} on this list.", subscriber=subscriber_id)
        )
    return standing


def _record(
    session: Session,
    actor: Actor,
    action: Action,
    subscriber_id: int,
    *,
    newsletter_id: int | None = None,
    reason: str = "",
    details: Mapping[Detail, object] | None = None,
) -> None:
    record_event(
        session,
        actor,
        action,
        object=f"subscriber {subscriber_id}",
        newsletter_id=newsletter_id,
        reason=reason,
        details=details,
    )
