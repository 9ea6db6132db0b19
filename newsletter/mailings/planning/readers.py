"""Names for groups of readers: by the names of conditions and saved segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.database.tables import AuditEventRow, MailingRow
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, nmsg
from newsletter.i18n.values import Listing, Worded
from newsletter.issues.translations import read_language_condition
from newsletter.mailings.planning.variants import VariantCount, VariantName, condition_name
from subscribers.segments.saved import names_of_queries
from subscribers.segments.wording import Labels

#: The number of variants that are named if no condition describes the group.
_NAMED = 2


@dataclass(frozen=True, slots=True)
class ReadersName(Worded):
    """The name of the readers of one or several variants.

    Attributes:
        met: Conditions that all of them meet.
        unmet: Conditions that none of them meets. No other reader meets all of ``met`` and none of
            ``unmet``.
        variants: If no conditions describe the group, its variants with the most readers.
        more: The number of further variants.
    """

    met: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    variants: tuple[VariantName, ...] = ()
    more: int = 0
    labels: Labels = field(default=(), compare=False)

    def in_language(self, language: Language) -> str:
        """Return the name as the conditions that the readers meet and do not meet."""
        met, unmet = self._quoted(self.met), self._quoted(self.unmet)
        words: Message | Listing
        if self.met and self.unmet:
            words = nmsg(
                "meeting {met} but not {unmet}",
                "meeting {met} but none of {unmet}",
                len(self.unmet),
                met=met,
                unmet=unmet,
            )
        elif self.met:
            words = msg("meeting {met}", met=met)
        elif self.unmet:
            words = nmsg(
                "not meeting {unmet}",
                "meeting none of {unmet}",
                len(self.unmet),
                unmet=unmet,
            )
        elif self.more:
            words = msg("{variants} and {count} more", variants=self._named, count=self.more)
        else:
            words = self._named
        return words.in_language(language)

    @property
    def _named(self) -> Listing:
        return Listing(tuple(msg("“{text}”", text=each) for each in self.variants))

    def _quoted(self, conditions: tuple[str, ...]) -> Listing:
        names = (condition_name(each, self.labels) for each in conditions)
        return Listing(tuple(msg("“{text}”", text=each) for each in names))


def without_languages(variants: Sequence[VariantCount]) -> list[VariantCount]:
    """Return the variants merged over languages, if their parts do not depend on the language."""
    people: Counter[tuple[str, ...]] = Counter()
    labels = variants[0].labels if variants else ()
    for variant in variants:
        met = tuple(each for each in variant.met if read_language_condition(each) is None)
        people[met] += variant.people
    return [
        VariantCount(number=number, met=met, people=count, labels=labels)
        for number, (met, count) in enumerate(people.most_common())
    ]


def name_readers(some: Sequence[VariantCount], everybody: Sequence[VariantCount]) -> ReadersName:
    """Return the name of the readers of some variants, by the fewest conditions that suffice.

    All readers together have no name.
    """
    chosen = {variant.met for variant in some}
    labels = some[0].labels if some else ()
    others = [set(variant.met) for variant in everybody if variant.met not in chosen]
    if not others:
        return ReadersName()
    conditions = tuple(dict.fromkeys(each for variant in everybody for each in variant.met))
    met = [each for each in conditions if all(each in variant.met for variant in some)]
    unmet = [each for each in conditions if not any(each in variant.met for variant in some)]

    def tells_apart() -> bool:
        return not any(other.issuperset(met) and other.isdisjoint(unmet) for other in others)

    if not tells_apart():
        ordered = sorted(some, key=lambda variant: -variant.people)
        return ReadersName(
            variants=tuple(variant.name for variant in ordered[:_NAMED]),
            more=len(ordered[_NAMED:]),
            labels=labels,
        )
    for group in (unmet, met):
        for each in reversed(tuple(group)):
            group.remove(each)
            if not tells_apart():
                group.append(each)
    return ReadersName(
        met=tuple(each for each in conditions if each in met),
        unmet=tuple(each for each in conditions if each in unmet),
        labels=labels,
    )


def segment_names(
    session: Session, newsletter_id: int, mailings: Iterable[MailingRow]
) -> Mapping[int, str]:
    """Return the names of the segments of mailings, by mailing number.

    If a saved segment has the same query now, its present name is used. Otherwise it was redefined
    or deleted, and the name at the time of the order is taken from the audit log. A query that was
    not a saved segment, or has no entry in the log any more, has no name.
    """
    asked = {row.id: row.segment for row in mailings if row.segment}
    if not asked:
        return {}
    now = names_of_queries(session, newsletter_id)
    names = {number: now[query] for number, query in asked.items() if query in now}
    others = {f"mailing {number}": number for number in asked if number not in names}
    if not others:
        return names
    events = session.execute(
        select(AuditEventRow.object, AuditEventRow.details).where(
            AuditEventRow.action == Action.MAILING_ORDER.value, AuditEventRow.object.in_(others)
        )
    )
    for on, details in events:
        number = others[on]
        if details.get("query") == asked[number]:
            names[number] = str(details.get("segment", ""))
    return names
