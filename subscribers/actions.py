"""Actions on people, segments and lists, each with its rules and audit entry."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Engine, Select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, read_reason, record_event
from newsletter.accounts.audit_actions import Action, Detail
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
    """Unsubscribe a person, as the staff; return the newsletters whose subscriptions ended.

    Raises:
        OrderError: The reason is missing, or has more than 500 characters.
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
    """Suppress a person's address for a newsletter.

    Raises:
        OrderError: The reason is missing, or has more than 500 characters.
        NotFoundError: The person is not on the newsletter's list.
    """
    why = read_reason(reason)
    standing = find_standing(session, newsletter_id, subscriber_id)
    assert standing.person.address_key is not None  # noqa: S101 - erased people are not found
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
    """Lift the suppressions of a person's address.

    Raises:
        OrderError: The reason is missing, or has more than 500 characters.
        NotFoundError: The person is not on the newsletter's list.
        ForbiddenError: A suppression concerns newsletters that these rights do not include.
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
    """Erase a person with their former addresses; return False if this was done before.

    A merged address that other newsletters use is kept for those. The audit log keeps the id.
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
    """Log an export, and return the list, with one page in memory at a time.

    Args:
        engine: The database.
        actor: The person who exports.
        newsletter: The newsletter.
        segment: The name of a saved segment, or a query; empty for all people.
        state: The state of the subscription; None for any.
        json_lines: True for JSON lines, False for CSV.
        language: The language of a readable CSV; None for a CSV that can be imported again.
        among: A query for the ids of the people found by a search; None for all.
        text: The text of that search. For an address, the audit log stores the domain only, since
            entries are kept when the person is erased.
        tag: A tag that the people must have.
        suppressed: Whether to export people with suppressed addresses only.
        columns: The columns of a readable CSV besides the address; None for all.

    Raises:
        ListError: The segment is not valid.
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
        ListError: The name or the query is not valid.
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
    """Change the name or query of a saved segment.

    Raises:
        ListError: The name or the query is not valid.
        NotFoundError: There is no segment with the former name any more.
        ConflictError: Another person changed it meanwhile, or the name is taken.
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
    """Delete a saved segment; mailings keep the query of their order.

    Raises:
        NotFoundError: There is no such segment.
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
    """Order the import of an uploaded list by the workers.

    Args:
        session: The database session, in a transaction.
        actor: The person who imports.
        upload: The list.
        terms: The settings of the import; None for those of an earlier attempt.
        new: Fields to create from further columns.

    Raises:
        ForbiddenError: The actor may not add fields.
        ConflictError: The list is being imported, or was imported already.
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
    """Cancel the import or check of a list; imported rows are kept.

    Raises:
        ConflictError: The list is neither waiting nor being processed.
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
    """Order the undoing of an import by the workers.

    The result is logged at its end (`subscribers.lists.imports.undo`).

    Raises:
        NotFoundError: The newsletter has no such import.
        ConflictError: The import is under way, was undone already, or is too old.
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
    """Log an import with its basis of consent; ``rows`` is None if they were not counted."""
    record_event(
        session,
        actor,
        Action.SUBSCRIBER_IMPORT,
        object=name,
        newsletter_id=newsletter_id,
        details={"basis": basis} if rows is None else {"basis": basis, "rows": rows},
    )


def find_standing(session: Session, newsletter_id: int, subscriber_id: int) -> PersonRecord:
    """Return a person's record in a newsletter.

    Raises:
        NotFoundError: The person is not on the newsletter's list.
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
