"""Adding and editing one person by hand, each with its rule and its entry in the audit log.

The log names what was changed and not the values: it outlives an erasure.
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
from subscribers.people import clean_name, is_time_zone, mark_changed
from subscribers.series.enrolment import note_joined, note_tags

_TAG = 64
_BASIS = 64
_KNOWN = ("address", "name", "language", "time_zone", "format", "frequency", "tags")


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonDraft:
    """What is to be known of a person; see `SubscriptionRow`.

    Attributes:
        language: A language tag or name; empty for the newsletter's.
        frequency: A word of `Frequency`; empty leaves it as it is, or is each issue.
        values: By the keys of the newsletter's fields, as `read_value` takes them.
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
    """On what ground somebody is added, and by which door.

    Attributes:
        basis: The basis of consent.
        wording: The words they agreed to.
        source: A word of `subscribers.joining`: a page or a command.
    """

    basis: str
    wording: str = ""
    source: str = BY_HAND


def known_draft(session: Session, newsletter_id: int, subscriber_id: int) -> PersonDraft:
    """Return what is known of a person, as their form has it.

    Raises:
        NotFoundError: Nobody of that number is on the list.
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
    """Change what a newsletter knows of a person; return the names of what changed.

    State and consent stay: nobody is brought back by it who left.

    Args:
        session: Within the transaction that does it.
        actor: Who does it.
        newsletter_id: On whose list the person is.
        subscriber_id: Who it is.
        draft: What is to be known.
        shown: What the form showed; see `newsletter.edit_conflicts`.

    Raises:
        ListError: A value is wrong; the place names it.
        NotFoundError: The person was erased, or is not on the list.
        EditConflictError: Somebody else changed the same.
    """
    hold_group(session, newsletter_id)
    hold_relations(session, newsletter_id, subscriber_id)
    now = known_draft(session, newsletter_id, subscriber_id)
    draft = merge_changes(shown, draft, now).demand()
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
    """Add a person who has consented, by the rules of an import of one; return their number.

    Raises:
        ListError: The address, a value or the ground is wrong; the place names it.
        ConflictError: They are on the list already, left it, or are suppressed or erased.
    """
    if not ground.basis.strip() or len(ground.basis) > _BASIS:
        raise ListError(
            msg("State the basis of consent, in up to 64 characters."), place=Place(field="basis")
        )
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
    assert number is not None  # noqa: S101 - whoever is not refused is on the list
    return number


def _record_of(
    engine: Engine, newsletter_id: int, address: str, draft: PersonDraft
) -> dict[str, object]:
    """Return a person as a record of a list has them; what is wrong is said here, by its place."""
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
    """Return what a subscription keeps of a draft as it is written there."""
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
    for tag in tags:
        if len(tag) > _TAG or not tag.isprintable():
            raise ListError(
                msg("A tag has at most 64 printable characters."), place=Place(field="tags")
            )
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
