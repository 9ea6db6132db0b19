"""Searching for a part of an address, of a name or of the value of a field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Text, and_, cast, func, literal, or_, true
from sqlalchemy.orm import Session

from newsletter.addresses import as_kept
from newsletter.database.folding import fold_case, fold_text, folded_for
from newsletter.database.tables import NewsletterRow, SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import FieldType
from subscribers.fields.store import AttributeText, Position, has_option, list_fields
from subscribers.search_index import Candidates, find_candidates


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPart:
    """A part of an address, of a name or of the value of a field.

    Attributes:
        held: The condition that a person's data contains the part.
        texts: Folded texts; whoever matches `held` has at least one of them in address, name or
            values.
    """

    held: ColumnElement[bool]
    texts: Sequence[str]

    def candidates(self, session: Session, newsletter: NewsletterRow) -> Candidates | None:
        """Return the people who may match; None if everybody has to be checked."""
        return find_candidates(session, newsletter.id, self.texts)


def part_of(session: Session, newsletter: NewsletterRow, text: str) -> SearchPart:
    """Return the part that a text searches for.

    Case, width and the kind of kana are ignored (`newsletter.database.folding`).
    """
    folded = fold_text(text)
    texts = [folded]
    conditions = [Position(folded_for(SubscriptionRow.name, folded), literal(folded)) > 0]
    for field in list_fields(session, newsletter.id):
        value = AttributeText(SubscriptionRow.attributes, literal(field.key))
        if field.type is FieldType.YES_NO:
            conditions.append(func.coalesce(value, "") == literal(text))
        elif field.type.has_options:
            for option in field.options:
                if any(
                    folded in fold_text(name) for name in (option.value, *option.labels.values())
                ):
                    texts.append(fold_text(option.value))
                    conditions.append(has_option(field.key, option.value))
        else:
            conditions.append(Position(folded_for(cast(value, Text), folded), literal(folded)) > 0)
    # Address keys are folded already, and their domain is in the form of DNS.
    of_address = list(dict.fromkeys([fold_case(text), as_kept(text)]))
    in_address = [Position(SubscriberRow.address_key, literal(one)) > 0 for one in of_address]
    held = or_(*in_address, and_(or_(*map(_written, texts)), or_(*conditions)))
    return SearchPart(held=held, texts=list(dict.fromkeys([*texts, *of_address])))


#: Characters that JSON escapes, or that folding produces from other characters.
_ESCAPED = re.compile(r'["\\/\x00-\x1f\x7f]')


def _written(folded: str) -> ColumnElement[bool]:
    """Return the condition that a person's name or raw JSON values contain a folded text.

    Few people match this cheap condition; the JSON of all others need not be parsed, which would
    be the slowest part of the search.
    """
    part = max(_ESCAPED.split(folded), key=len)
    names = SubscriptionRow.name + "\n" + cast(SubscriptionRow.attributes, Text)
    known = folded_for(names, part)
    return Position(known, literal(part)) > 0 if part else true()
