"""The outlook of a merge: the rule, the data that it is computed from, and its description.

In each newsletter of the group the person's latest decision counts, and an unsubscription is
never reverted. If the kept address unsubscribed, it stays unsubscribed. If the other address
unsubscribed, the kept subscription ends, unless it was confirmed later. A request that was never
confirmed neither begins nor ends a subscription. An address that the person only moved away from
counts as no decision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, rights_of_actor
from newsletter.accounts.permissions import Permission
from newsletter.database.tables import (
    ConsentRow,
    NewsletterRow,
    NoteRow,
    PersonMergeRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import ConsentStep, SubscriptionState, SuppressionReason
from newsletter.errors import ConflictError, ForbiddenError, NotFoundError
from newsletter.i18n.messages import Message, msg, nmsg
from subscribers.fields.model import TOPIC
from subscribers.fields.store import newsletters_of_group
from subscribers.leaving import MOVED, last_way
from subscribers.merging.links import merged_into, within_group
from subscribers.subscription_columns import CHOSEN

#: Prefix of the name of a choice about a field; the field's key follows.
FIELD = "field."
#: Reasons that concern the person; bounces concern only the address that they came from.
_OF_THE_PERSON = (SuppressionReason.COMPLAINT, SuppressionReason.MANUAL)


class Effect(StrEnum):
    """The effect of a merge on the kept person's subscription."""

    STAYS = "stays"
    #: It begins or continues by the other person's consent.
    TAKES_OVER = "takes-over"
    #: The other person unsubscribed, and has not consented since.
    LEAVES = "leaves"
    #: It was requested and never confirmed, so it cannot take over the other subscription.
    WAITS = "waits"


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """A person's latest decision about a newsletter.

    Attributes:
        moved: Whether the subscription ended because it continued at another address.
        left_at: When the person unsubscribed, if they did.
        confirmed_at: When the person last confirmed the subscription themselves.
    """

    state: SubscriptionState
    moved: bool = False
    left_at: datetime | None = None
    confirmed_at: datetime | None = None

    @property
    def left(self) -> bool:
        """Whether the person unsubscribed."""
        return self.state is SubscriptionState.UNSUBSCRIBED and not self.moved


def decide(kept: Word | None, merged: Word | None) -> Effect:
    """Return the effect on the kept person's subscription; None for a person without decision."""
    if merged is None or merged.moved or merged.state is SubscriptionState.PENDING:
        return Effect.STAYS
    if kept is not None and kept.left:
        return Effect.STAYS
    if merged.left:
        later = kept is not None and kept.state is SubscriptionState.CONFIRMED and kept.confirmed_at
        return Effect.STAYS if later and later > (merged.left_at or now()) else Effect.LEAVES
    if kept is None or kept.moved:
        return Effect.TAKES_OVER
    return Effect.WAITS if kept.state is SubscriptionState.PENDING else Effect.STAYS


@dataclass(frozen=True, kw_only=True, slots=True)
class NewsletterMerge:
    """The outcome of a merge in one newsletter of the group.

    Attributes:
        kept: The subscription of the kept person; None if there is none.
        merged: The subscription of the merged person.
        suppression: The suppression of the merged address that is taken over, if there is one.
        new_tags: The tags that are taken over.
        notes: The ids of the notes that are taken over.
    """

    newsletter: NewsletterRow
    kept: SubscriptionRow | None
    merged: SubscriptionRow | None
    effect: Effect
    suppression: SuppressionRow | None
    new_tags: Sequence[str]
    notes: Sequence[int]

    @property
    def after(self) -> SubscriptionState | None:
        """The state of the kept subscription after the merge."""
        match self.effect:
            case Effect.LEAVES:
                return SubscriptionState.UNSUBSCRIBED
            case Effect.TAKES_OVER:
                return SubscriptionState.CONFIRMED
            case _:
                return self.kept.state if self.kept is not None else None

    @property
    def goes_on(self) -> bool:
        """Whether the merged person's subscription continues at the kept address."""
        return (
            self.after is SubscriptionState.CONFIRMED
            and self.merged is not None
            and self.merged.state is SubscriptionState.CONFIRMED
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DifferingValue:
    """A value that differs between the two people; ``name`` is a column or ``field.KEY``."""

    name: str
    kept: Any
    merged: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeOutlook:
    """The outcome of merging two people at present.

    Attributes:
        parts: The outcome by newsletter; the newsletter of the page comes first.
        kept_values: The kept person's values of the group's fields.
        choices: The values that differ; the kept person's value is kept unless the other is chosen.
        done: Whether the two are merged already.
        revision: A hash that changes whenever another attribute does.
    """

    kept: SubscriberRow
    merged: SubscriberRow
    parts: Sequence[NewsletterMerge]
    kept_values: Mapping[str, Any]
    merged_values: Mapping[str, Any]
    choices: Sequence[DifferingValue]
    done: bool
    revision: str

    def united_values(self, take: Collection[str]) -> dict[str, Any]:
        """Return the values after the merge; ``take`` names choices of the merged person's one."""
        chosen = {key: each for key, each in self.merged_values.items() if FIELD + key in take}
        united = {**self.merged_values, **self.kept_values, **chosen}
        topics = [*self.kept_values.get(TOPIC, ())]
        topics += [one for one in self.merged_values.get(TOPIC, ()) if one not in topics]
        return {**united, TOPIC: topics} if topics else united


def foresee_merge(
    session: Session, actor: Actor, newsletter_id: int, *, kept_id: int, merged_id: int
) -> MergeOutlook:
    """Return the outcome of merging one person into another.

    Args:
        session: The database session; before a merge is applied, both people must be locked.
        actor: The account or command that asks.
        newsletter_id: The newsletter whose list both are on; its whole group is included.
        kept_id: The person whose address is kept.
        merged_id: The person who is merged into them.

    Raises:
        NotFoundError: A person is not on the list, or was erased.
        ConflictError: The two are the same person.
        ForbiddenError: A person is on the list of a newsletter that this account may not see.
    """
    if kept_id == merged_id:
        raise ConflictError(msg("This is the same person."), remedy=msg("Choose another one."))
    kept, merged = (_person(session, newsletter_id, number) for number in (kept_id, merged_id))
    newsletters = newsletters_of_group(session, newsletter_id)
    relations = {
        (row.newsletter_id, row.subscriber_id): row
        for row in session.scalars(
            select(SubscriptionRow).where(
                SubscriptionRow.subscriber_id.in_((kept_id, merged_id)),
                SubscriptionRow.newsletter_id.in_(newsletters),
            )
        )
    }
    rights = rights_of_actor(session, actor)
    if not all(rights.may(Permission.SEE_SUBSCRIBERS, number) for number, _ in relations):
        raise ForbiddenError(
            msg("One of them is a subscriber of a newsletter whose people you may not see."),
            remedy=msg("Ask somebody who may see the subscribers of all that share these fields."),
        )
    order = sorted({number for number, _ in relations}, key=lambda one: (one != newsletter_id, one))
    parts = [
        _part(session, session.get_one(NewsletterRow, number), kept, merged, relations)
        for number in order
    ]
    kept_values = _values(part.kept for part in parts)
    merged_values = _values(part.merged for part in parts)
    return MergeOutlook(
        kept=kept,
        merged=merged,
        parts=parts,
        kept_values=kept_values,
        merged_values=merged_values,
        choices=[*_choices_of_columns(parts), *_choices_of_fields(kept_values, merged_values)],
        done=_is_done(session, newsletter_id, kept_id, merged_id, parts),
        revision=_revision(kept_id, merged_id, parts, kept_values, merged_values),
    )


def _person(session: Session, newsletter_id: int, number: int) -> SubscriberRow:
    person = session.get(SubscriberRow, number)
    relation = session.get(SubscriptionRow, (newsletter_id, number))
    if person is None or person.address_key is None or relation is None:
        raise NotFoundError(
            msg("There is no subscriber {subscriber} on this list.", subscriber=number)
        )
    return person


def _part(
    session: Session,
    newsletter: NewsletterRow,
    kept: SubscriberRow,
    merged: SubscriberRow,
    relations: Mapping[tuple[int, int], SubscriptionRow],
) -> NewsletterMerge:
    mine = relations.get((newsletter.id, kept.id))
    theirs = relations.get((newsletter.id, merged.id))
    effect = decide(_word(session, mine), _word(session, theirs))
    there = mine is not None or effect is not Effect.STAYS
    new_tags = _tags(session, newsletter.id, merged.id) - _tags(session, newsletter.id, kept.id)
    notes = session.scalars(
        select(NoteRow.id)
        .where(NoteRow.newsletter_id == newsletter.id, NoteRow.subscriber_id == merged.id)
        .order_by(NoteRow.id)
    ).all()
    return NewsletterMerge(
        newsletter=newsletter,
        kept=mine,
        merged=theirs,
        effect=effect,
        suppression=_brought_suppression(session, newsletter.id, kept, merged) if there else None,
        new_tags=sorted(new_tags) if there else (),
        notes=notes if there else (),
    )


def _word(session: Session, row: SubscriptionRow | None) -> Word | None:
    if row is None:
        return None
    number, newsletter_id = row.subscriber_id, row.newsletter_id
    ended = row.state is SubscriptionState.UNSUBSCRIBED
    people = [number, *merged_into(session, newsletter_id, number)]
    return Word(
        state=row.state,
        moved=ended and last_way(session, newsletter_id, number) in MOVED,
        left_at=row.unsubscribed_at if ended else None,
        confirmed_at=session.scalar(
            select(func.max(ConsentRow.occurred_at)).where(
                ConsentRow.newsletter_id == newsletter_id,
                ConsentRow.subscriber_id.in_(people),
                ConsentRow.step == ConsentStep.CONFIRMED,
            )
        ),
    )


def _tags(session: Session, newsletter_id: int, number: int) -> set[str]:
    own = (TagRow.newsletter_id == newsletter_id, TagRow.subscriber_id == number)
    return set(session.scalars(select(TagRow.tag).where(*own)))


def _brought_suppression(
    session: Session, newsletter_id: int, kept: SubscriberRow, merged: SubscriberRow
) -> SuppressionRow | None:
    def found(person: SubscriberRow) -> SuppressionRow | None:
        scope = SuppressionRow.newsletter_id
        return session.scalars(
            select(SuppressionRow)
            .where(
                SuppressionRow.address_key == person.address_key,
                or_(scope.is_(None), scope == newsletter_id),
                SuppressionRow.reason.in_(_OF_THE_PERSON),
            )
            .order_by(scope.is_(None), SuppressionRow.id)
            .limit(1)
        ).one_or_none()

    return found(merged) if found(kept) is None else None


def _values(rows: Iterable[SubscriptionRow | None]) -> dict[str, Any]:
    """Return a person's values of the fields, which are the same in all newsletters of a group."""
    return next((dict(row.attributes) for row in rows if row is not None), {})


def _choices_of_columns(parts: Sequence[NewsletterMerge]) -> Sequence[DifferingValue]:
    found: dict[str, DifferingValue] = {}
    for part in parts:
        for name in CHOSEN:
            mine, theirs = getattr(part.kept, name, ""), getattr(part.merged, name, "")
            if mine and theirs and mine != theirs and name not in found:
                found[name] = DifferingValue(name=name, kept=mine, merged=theirs)
    return [found[name] for name in CHOSEN if name in found]


def _choices_of_fields(
    kept: Mapping[str, Any], merged: Mapping[str, Any]
) -> Sequence[DifferingValue]:
    return [
        DifferingValue(name=FIELD + key, kept=kept[key], merged=value)
        for key, value in merged.items()
        if key in kept and key != TOPIC and kept[key] != value
    ]


def _is_done(
    session: Session,
    newsletter_id: int,
    kept_id: int,
    merged_id: int,
    parts: Sequence[NewsletterMerge],
) -> bool:
    linked = select(PersonMergeRow.id).where(
        PersonMergeRow.kept_id == kept_id,
        PersonMergeRow.merged_id == merged_id,
        within_group(newsletter_id),
    )
    ended = (SubscriptionState.UNSUBSCRIBED, None)
    return session.scalar(linked.limit(1)) is not None and all(
        part.effect is Effect.STAYS and (part.merged.state if part.merged else None) in ended
        for part in parts
    )


def _revision(
    kept_id: int,
    merged_id: int,
    parts: Sequence[NewsletterMerge],
    kept_values: Mapping[str, Any],
    merged_values: Mapping[str, Any],
) -> str:
    shown: list[object] = [kept_id, merged_id, sorted(kept_values.items(), key=lambda one: one[0])]
    shown.append(sorted(merged_values.items(), key=lambda one: one[0]))
    for part in parts:
        shown += [part.newsletter.id, part.effect.value, [*part.new_tags]]
        shown.append(part.suppression.id if part.suppression else None)
        shown.append([*part.notes])
        shown += [
            (row.state.value, row.changed_at, row.paused_until, *(getattr(row, n) for n in CHOSEN))
            for row in (part.kept, part.merged)
            if row is not None
        ]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:32]


def consequences(outlook: MergeOutlook) -> Sequence[Message]:
    """Return sentences that describe the outcome, the most important first."""
    kept, merged = outlook.kept.address or "", outlook.merged.address or ""
    messages = [_effect(part, kept, merged) for part in outlook.parts]
    messages += [
        msg(
            "{newsletter}: {kept} is suppressed from now on, as {merged} is.",
            newsletter=part.newsletter.name,
            kept=kept,
            merged=merged,
        )
        for part in outlook.parts
        if part.suppression is not None
    ]
    messages.append(
        msg(
            "{merged} no longer receives email. Links in earlier emails to it still unsubscribe "
            "{kept}.",
            kept=kept,
            merged=merged,
        )
    )
    if tags := len({tag for part in outlook.parts for tag in part.new_tags}):
        messages.append(nmsg("{count} tag is added.", "{count} tags are added.", tags))
    if notes := sum(len(part.notes) for part in outlook.parts):
        messages.append(nmsg("{count} note is moved.", "{count} notes are moved.", notes))
    messages.append(
        msg("Topics are combined, and so are the histories and consent records of both addresses.")
    )
    return messages


def _effect(part: NewsletterMerge, kept: str, merged: str) -> Message:
    words = {"newsletter": part.newsletter.name, "kept": kept, "merged": merged}
    match (part.effect, part.after):
        case (Effect.LEAVES, _):
            message = msg(
                "{newsletter}: {merged} unsubscribed, so {kept} is unsubscribed.", **words
            )
        case (Effect.TAKES_OVER, _):
            message = msg(
                "{newsletter}: {kept} takes over the subscription of {merged} and its consent.",
                **words,
            )
        case (Effect.WAITS, _):
            message = msg(
                "{newsletter}: {kept} has not confirmed yet. Keep the other address, or wait.",
                **words,
            )
        case (_, SubscriptionState.CONFIRMED):
            message = msg("{newsletter}: {kept} stays subscribed.", **words)
        case (_, SubscriptionState.PENDING):
            message = msg("{newsletter}: {kept} stays unconfirmed.", **words)
        case (_, SubscriptionState.UNSUBSCRIBED):
            message = msg(
                "{newsletter}: {kept} stays unsubscribed, and {merged} no longer receives it.",
                **words,
            )
        case _:
            message = msg("{newsletter}: nothing of {merged} is carried over.", **words)
    return message
