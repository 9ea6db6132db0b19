"""Adding and editing a single person, each with its rules and audit entry.

Audit entries name the changed fields without values, since they are kept when the person is erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.addresses import parse_address
from newsletter.database.engine import reading
from newsletter.database.insert import insert_missing
from newsletter.database.tables import NewsletterRow, SubscriberRow, SubscriptionRow, TagRow
from newsletter.database.vocabulary import Frequency, GrowthCause
from newsletter.edit_conflicts import merge_changes
from newsletter.errors import ConflictError, ListError, Place
from newsletter.i18n.language import read_language
from newsletter.i18n.messages import msg
from newsletter.tokens import Pseudonyms
from subscribers.actions import find_standing
from subscribers.fields.model import current_values
from subscribers.fields.reading import form_value, read_values, written_value
from subscribers.fields.store import hold_group, list_fields
from subscribers.fields.values import hold_relations, write_values
from subscribers.frequency import read_frequency
from subscribers.joining import BY_HAND
from subscribers.lists.columns.columns import ColumnAnswers
from subscribers.lists.imports.imports import ChunkHooks, ImportOptions, import_records
from subscribers.lists.parsers.column_guesses import FIELD
from subscribers.lists.records import Record
from subscribers.people import (
    NOT_A_TAG,
    clean_name,
    is_tag,
    is_time_zone,
    mark_changed,
    require_basis,
)
from subscribers.series.enrolment import note_joined, note_tags
from subscribers.subscription_columns import CHOSEN

_KNOWN = ("address", *CHOSEN, "tags")


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonDraft:
    """The data of a person, as submitted; see `SubscriptionRow`.

    Attributes:
        language: A language tag or name; empty for the newsletter's.
        frequency: A value of `Frequency`; empty for no change, or for each issue.
        values: The values of fields by key, as accepted by `read_value`.
    """

    name: str = ""
    language: str = ""
    time_zone: str = ""
    html: bool = True
    frequency: str = ""
    tags: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """The consent of a person who is added.

    Attributes:
        basis: The basis of consent.
        wording: The text that they agreed to.
        source: A source of `subscribers.joining`: a page or a command.
    """

    basis: str
    wording: str = ""
    source: str = BY_HAND


def known_draft(session: Session, newsletter_id: int, subscriber_id: int) -> PersonDraft:
    """Return the data of a person, for the form.

    Raises:
        NotFoundError: The person is not on the list.
    """
    standing = find_standing(session, newsletter_id, subscriber_id)
    relation = standing.subscription
    known = list_fields(session, newsletter_id)
    values = current_values(known, relation.attributes)
    return PersonDraft(
        name=relation.name,
        language=relation.language,
        time_zone=relation.time_zone,
        html=relation.format != "text",
        frequency=relation.frequency.value,
        tags=tuple(standing.tags),
        values={each.key: form_value(each, values.get(each.key)) for each in known},
    )


def edit_person(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    subscriber_id: int,
    draft: PersonDraft,
    *,
    shown: str = "",
) -> list[str]:
    """Change the data of a person; return the names of changed fields.

    State and consent do not change, so people who unsubscribed are not subscribed again.

    Args:
        session: The database session, in a transaction.
        actor: The person who edits.
        newsletter_id: The newsletter.
        subscriber_id: The person.
        draft: The new data.
        shown: The state that the form showed; see `newsletter.edit_conflicts`.

    Raises:
        ListError: A value is not valid; the place names it.
        NotFoundError: The person was erased, or is not on the list.
        EditConflictError: Another person changed the same values meanwhile.
    """
    hold_group(session, newsletter_id)
    hold_relations(session, newsletter_id, subscriber_id)
    now = known_draft(session, newsletter_id, subscriber_id)
    draft = merge_changes(shown, draft, now).require()
    changed = [*write_values(session, newsletter_id, subscriber_id, draft.values)]
    row = session.get_one(SubscriptionRow, (newsletter_id, subscriber_id))
    columns = _columns(draft)
    if draft.frequency and draft.frequency != row.frequency.value:
        columns["frequency"] = read_frequency(session, newsletter_id, draft.frequency)
    for name, value in columns.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
            changed.append(name)
    session.flush()
    if _set_tags(session, newsletter_id, subscriber_id, _tags(draft.tags)):
        changed.append("tags")
    if changed:
        record_event(
            session,
            actor,
            Action.SUBSCRIBER_EDIT,
            object=f"subscriber {subscriber_id}",
            newsletter_id=newsletter_id,
            details={"changed": changed},
        )
    return changed


def add_person(
    engine: Engine,
    actor: Actor,
    newsletter: NewsletterRow,
    address: str,
    draft: PersonDraft,
    *,
    ground: Ground,
    pseudonyms: Pseudonyms,
) -> int:
    """Add a person who has consented, by the same rules as an import; return their id.

    Raises:
        ListError: The address, a value or the consent is not valid; the place names it.
        ConflictError: The person is on the list, has unsubscribed, is suppressed, or was erased.
    """
    require_basis(ground.basis)
    try:
        key = parse_address(address).key
    except ListError as error:
        raise ListError(error.message, place=Place(field="address")) from None
    values = _record_of(engine, newsletter.id, address, draft)
    with reading(engine) as session:
        known = _number_of(session, newsletter.id, key)
    if known is not None:
        raise ConflictError(
            msg("This person is on the list already, or was."),
            place=Place(field="address"),
            remedy=msg("Find them in the list of subscribers, and edit them there."),
        )

    def record(connection: Connection, _done: int) -> None:
        with Session(bind=connection, join_transaction_mode="rollback_only") as session:
            number = _number_of(session, newsletter.id, key)
            if number is not None:
                record_event(
                    session,
                    actor,
                    Action.SUBSCRIBER_ADD,
                    object=f"subscriber {number}",
                    newsletter_id=newsletter.id,
                    details={"basis": ground.basis},
                )
                note_joined(session, newsletter.id, number)
                session.flush()

    options = ImportOptions(
        source=ground.source,
        basis=ground.basis.strip(),
        wording=ground.wording,
        language=newsletter.language,
        columns={name: name if name in _KNOWN else FIELD + name for name in values},
        answers=ColumnAnswers(unrelated=tuple(values)),
        pseudonyms=pseudonyms,
        cause=GrowthCause.HAND,
    )
    row = Record(2, tuple(values), tuple(values.values()))
    report = import_records(
        engine, newsletter.id, iter([row]), options, hooks=ChunkHooks(take=record)
    )
    for refusal in report.refused:
        raise ConflictError(refusal.reason, place=Place(field="address"))
    with reading(engine) as session:
        number = _number_of(session, newsletter.id, key)
    assert number is not None  # noqa: S101 - the import has added the person
    return number


def _record_of(
    engine: Engine, newsletter_id: int, address: str, draft: PersonDraft
) -> dict[str, object]:
    """Return a person as a record of a list, after validation with the form's places."""
    with reading(engine) as session:
        values = read_values(list_fields(session, newsletter_id), draft.values)
        frequency = read_frequency(session, newsletter_id, draft.frequency)
    _tags(draft.tags)
    record: dict[str, object] = {
        "address": address,
        **_columns(draft),
        "frequency": "" if frequency is Frequency.EACH else frequency.value,
        "tags": written_value([*draft.tags]),
        **{
            key: value if isinstance(value, list) else written_value(value)
            for key, value in values.items()
        },
    }
    return {name: value for name, value in record.items() if value not in ("", None)}


def _columns(draft: PersonDraft) -> dict[str, str]:
    """Return the columns of a subscription that a draft contains."""
    return {
        "name": clean_name(draft.name),
        "language": _language(draft.language),
        "time_zone": _time_zone(draft.time_zone),
        "format": "html" if draft.html else "text",
    }


def _number_of(session: Session, newsletter_id: int, address_key: str) -> int | None:
    return session.scalar(
        select(SubscriberRow.id)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(
            SubscriberRow.address_key == address_key,
            SubscriptionRow.newsletter_id == newsletter_id,
        )
    )


def _language(text: str) -> str:
    if not text.strip():
        return ""
    language = read_language(text)
    if not language:
        raise ListError(
            msg("“{tag}” is no language.", tag=text[:60]),
            place=Place(field="language"),
            remedy=msg("Write a language tag such as ja or en."),
        )
    return language


def _time_zone(name: str) -> str:
    if not is_time_zone(name.strip()):
        raise ListError(
            msg("There is no time zone “{name}”.", name=name[:60]), place=Place(field="time_zone")
        )
    return name.strip()


def _tags(given: Iterable[str]) -> set[str]:
    tags = set(given)
    if not all(map(is_tag, tags)):
        raise ListError(NOT_A_TAG, place=Place(field="tags"))
    return tags


def _set_tags(session: Session, newsletter_id: int, subscriber_id: int, tags: set[str]) -> bool:
    own = (TagRow.newsletter_id == newsletter_id, TagRow.subscriber_id == subscriber_id)
    known = set(session.scalars(select(TagRow.tag).where(*own)))
    if removed := known - tags:
        session.execute(delete(TagRow).where(*own, TagRow.tag.in_(removed)))
    where = {"newsletter_id": newsletter_id, "subscriber_id": subscriber_id}
    if new := tags - known:
        insert_missing(session, TagRow, [{**where, "tag": tag} for tag in sorted(new)])
        note_tags(session, newsletter_id, [subscriber_id], new)
    if removed or new:
        mark_changed(session, newsletter_id, [subscriber_id])
    return bool(removed or new)
