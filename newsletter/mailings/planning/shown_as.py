"""Shown as: the reader for whom an issue is previewed, tested, or shown after it was sent.

A preview shows all parts, or one variant, or the mail of one person. The choice is a key in the
page's address, so that it is kept when the view changes. A variant's key depends on its conditions
only, so it stays valid while the issue is edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256

from sqlalchemy.orm import Session

from newsletter.addresses import Address
from newsletter.database.tables import NewsletterRow
from newsletter.errors import ConflictError, ListError, NotFoundError
from newsletter.i18n.language import Language, language_for
from newsletter.i18n.messages import msg, pmsg
from newsletter.issues.conditions import conditions_of
from newsletter.issues.merge_fields import slot_of
from newsletter.issues.model import Issue
from newsletter.issues.snippets import resolve_snippets
from newsletter.issues.translations import language_conditions
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.orders.variant_checks import variants_now
from newsletter.mailings.planning.content import COMMON, MailingContent, load_content
from newsletter.mailings.planning.variants import (
    VariantCount,
    conditions_met,
    content_of_reader,
    sent_variants,
    with_subject,
)
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.trials.subjects import chosen_subject
from newsletter.rendering.model import RenderedIssue, Slot, SlotUse
from newsletter.rendering.slots import fill_some, worded_for
from subscribers.fields.values import shown_values
from subscribers.preview_readers import FoundReader, find_reader, find_reader_by_key

#: The key for all parts with the fallbacks of merge fields, as for a reader without any data.
UNKNOWN = "unknown"
#: The maximum length of a key in characters.
LONGEST_KEY = 40
#: Slots with the recipient's own data, even in a test that shows another reader's mail.
_OF_RECIPIENT = frozenset(slot.value for slot in Slot) - {Slot.SUBSCRIBER_NAME.value}
_PERSON = re.compile(r"p([1-9][0-9]{0,17})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """The reader for whom a mail is shown.

    Attributes:
        language: The language tag that they chose; empty for the mail's.
        fields: The values of the newsletter's own fields in the mail's language, by key.
    """

    name: str
    address: str
    language: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownAs:
    """The chosen reader of a preview, and the choices.

    Attributes:
        key: The key in a page's address; empty for all parts.
        met: The conditions whose parts are shown; None for all parts.
        variants: The variants to choose from, those with the most readers first.
        person: The subscriber whose mail is shown; None for a sample reader.
    """

    key: str = ""
    met: tuple[str, ...] | None = None
    reader: Reader
    variants: Sequence[VariantCount] = ()
    person: FoundReader | None = None


def sample_reader(language: Language) -> Reader:
    """Return a reader with sample data, for previews."""
    name = pmsg("a name", "Jane Sample").in_language(language)
    return Reader(name=name, address="reader@example.jp")


def variant_key(met: Sequence[str]) -> str:
    """Return the key of the variant whose readers meet exactly these conditions."""
    return "v" + sha256("\n".join(sorted(met)).encode()).hexdigest()[:12]


def person_key(subscriber_id: int) -> str:
    """Return the key of a subscriber: an id, not an email address, since URLs are logged."""
    return f"p{subscriber_id}"


def key_of_person(session: Session, newsletter_id: int, address: Address) -> str:
    """Return the key of the subscriber with an email address.

    Raises:
        NotFoundError: No subscriber has this address.
    """
    reader = find_reader_by_key(session, newsletter_id, address.key)
    if reader is None:
        raise NotFoundError(
            msg("Nobody with the address {address} is on the list.", address=address.address),
            remedy=msg("Check the address."),
        )
    return person_key(reader.subscriber_id)


def choose_variant(key: str, variants: Sequence[VariantCount], *, language: Language) -> ShownAs:
    """Return the choice for a key of a variant; all parts if there is no such variant."""
    chosen = ShownAs(reader=sample_reader(language), variants=variants)
    if key == UNKNOWN:
        nobody = replace(chosen.reader, name="")
        return replace(chosen, key=key, reader=nobody)
    for variant in variants:
        if variant_key(variant.met) == key:
            return replace(chosen, key=key, met=variant.met)
    return chosen


def find_person(
    session: Session, newsletter: NewsletterRow, key: str, *, language: Language
) -> tuple[FoundReader, Reader] | None:
    """Return the subscriber of a key, with their values; None if there is no such subscriber."""
    number = _PERSON.fullmatch(key)
    reader = find_reader(session, newsletter.id, int(number[1])) if number else None
    if reader is None:
        return None
    keys = [row.key for row in newsletter.fields]
    values = shown_values(session, newsletter.id, [reader.subscriber_id], keys, language)
    fields = values.get(reader.subscriber_id, {})
    return reader, Reader(
        name=reader.name, address=reader.address, language=reader.language, fields=fields
    )


def find_shown_as(
    session: Session,
    newsletter: NewsletterRow,
    issue: Issue,
    key: str,
    *,
    sees_people: bool,
    segment: str = "",
    urgent: bool = False,
    language: Language,
    figures: Figures | None = None,
) -> ShownAs:
    """Return the choice for a key; all parts if its variant or person does not exist any more.

    Args:
        session: The database session.
        newsletter: The issue's newsletter.
        issue: The present content.
        key: The key from a page's address or a form.
        sees_people: Whether the user may see single subscribers; otherwise their keys are ignored.
        segment: The query of the audience, for the counts.
        urgent: Whether digest readers get it at once as well.
        language: The user's language, for the sample reader's name.
        figures: Cached counts of readers; None to count again.
    """
    issue = resolve_snippets(issue, dict(publisher_of(newsletter).snippets))
    variants: Sequence[VariantCount] = ()
    # Preflight reports invalid conditions; until they are corrected, all parts are shown.
    with suppress(ConflictError, ListError):
        counted = variants_now(
            session, newsletter, issue, segment=segment, urgent=urgent, figures=figures
        )
        variants = (*counted, *_unread(issue, counted))
    chosen = choose_variant(key, variants, language=language)
    person = find_person(session, newsletter, key, language=issue.language) if sees_people else None
    if person is None:
        return chosen
    found, reader = person
    met: tuple[str, ...] | None = None
    if variants:
        met = conditions_met(session, newsletter, conditions_of(issue), found.subscriber_id)
    return replace(chosen, key=key, met=met, reader=reader, person=found)


def _unread(issue: Issue, variants: Sequence[VariantCount]) -> Iterator[VariantCount]:
    """Yield the variants of translations that have no readers, so that editors can see them."""
    read = {variant.met for variant in variants}
    conditions = conditions_of(issue)
    for condition in language_conditions(issue):
        if (condition,) not in read:
            number = 2 ** conditions.index(condition)
            labels = variants[0].labels if variants else ()
            yield VariantCount(number=number, met=(condition,), people=0, labels=labels)


def sent_shown_as(
    session: Session,
    newsletter: NewsletterRow,
    mailing_id: int,
    key: str,
    *,
    sees_people: bool,
    language: Language,
) -> tuple[ShownAs, MailingContent]:
    """Return the choice and the content of a sent mailing; by default what most readers got.

    For a person who got a copy, the content is that of the copy; otherwise it is the content before
    any correction.

    Raises:
        NotFoundError: There is no such mailing.
    """
    variants = sent_variants(session, mailing_id)
    subject = chosen_subject(session, mailing_id)
    common = load_content(session, mailing_id, with_subject(COMMON, subject), correction=0)
    if sees_people:
        mail_language = common.rendered.language
        person = find_person(session, newsletter, key, language=mail_language)
        if person is not None:
            found, reader = person
            content = content_of_reader(session, mailing_id, found.subscriber_id)
            return ShownAs(key=key, reader=reader, variants=variants, person=found), content
    shown = choose_variant(key, variants, language=language)
    if shown.met is None and variants:
        shown = replace(shown, key=shown.key or variant_key(variants[0].met), met=variants[0].met)
    number = next((each.number for each in variants if each.met == shown.met), COMMON)
    # Some variants exist only since a correction.
    with suppress(NotFoundError):
        number = with_subject(number, subject)
        return shown, load_content(session, mailing_id, number, correction=0)
    return shown, common


def require_shown_as(shown: ShownAs, key: str) -> None:
    """Check that a key was understood.

    Raises:
        NotFoundError: The key's variant or person does not exist any more.
    """
    if shown.key != key:
        raise NotFoundError(
            msg("The readers that were chosen for the preview are no longer there."),
            remedy=msg("Choose again for which reader it is shown."),
        )


def with_values(rendered: RenderedIssue, reader: Reader) -> RenderedIssue:
    """Insert a reader's data into a mail for other recipients; the links stay the recipients'."""
    rendered = worded_for(rendered, language_for(reader.language, rendered.language))
    bodies = (rendered.subject, rendered.html, rendered.text)
    uses = {part.slot for body in bodies for part in body if isinstance(part, SlotUse)}
    known = {Slot.SUBSCRIBER_NAME.value: reader.name} | {
        slot_of(key): value for key, value in reader.fields.items()
    }
    values = {slot: known.get(slot, "") for slot in uses - _OF_RECIPIENT}
    subject, html, text = (fill_some(body, values) for body in bodies)
    return replace(rendered, subject=subject, html=html, text=text)
