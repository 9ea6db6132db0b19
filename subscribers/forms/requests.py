"""Answers in requests to join, which are stored with the request until it is confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from newsletter.database.insert import insert_missing
from newsletter.database.tables import ConsentRow, JoinRequestRow, SubscriptionRow, TagRow
from newsletter.database.vocabulary import Frequency
from newsletter.errors import ListError
from subscribers.fields.model import FieldValue
from subscribers.fields.reading import read_value, require_values
from subscribers.fields.store import list_fields
from subscribers.fields.values import write_values
from subscribers.forms.model import JoinForm
from subscribers.forms.store import FormStep, count_step
from subscribers.series.enrolment import note_tags


def read_answers(
    session: Session, newsletter_id: int, form: JoinForm, given: Mapping[str, object]
) -> dict[str, FieldValue | None]:
    """Return the values of the form's fields; other inputs are ignored.

    Raises:
        ListError: An input is invalid, or a required one is missing; the place names the field.
    """
    asked = form.asked_of(list_fields(session, newsletter_id))
    answers = {field.key: read_value(field, given.get(field.key)) for field in asked}
    require_values(asked, answers)
    return answers


def keep_answers(
    session: Session,
    consent_id: int,
    form: JoinForm,
    answers: Mapping[str, FieldValue | None],
    frequency: Frequency | None = None,
    *,
    name: str = "",
    language: str = "",
    time_zone: str = "",
    is_by_mail: bool = False,
) -> None:
    """Store the answers until the request is confirmed or expires."""
    consent = session.get_one(ConsentRow, consent_id)
    session.add(
        JoinRequestRow(
            consent_id=consent.id,
            newsletter_id=consent.newsletter_id,
            subscriber_id=consent.subscriber_id,
            form_id=form.id,
            is_counted=not is_by_mail,
            answers={key: value for key, value in answers.items() if value is not None},
            tags=list(form.tags),
            frequency=frequency,
            name=name,
            language=language,
            time_zone=time_zone,
            requested_at=consent.occurred_at,
        )
    )
    session.flush()


def take_over_answers(session: Session, consent_id: int) -> None:
    """Write the answers of a confirmed request to the person, and delete other pending answers.

    Answers for fields that were deleted or changed since are ignored.
    """
    request = session.get(JoinRequestRow, consent_id)
    if request is None:
        return
    newsletter_id, subscriber_id = request.newsletter_id, request.subscriber_id
    given: dict[str, object] = {}
    for field in list_fields(session, newsletter_id):
        try:
            value = read_value(field, request.answers.get(field.key))
        except ListError:
            continue
        if value is not None:
            given[field.key] = value
    if given:
        write_values(session, newsletter_id, subscriber_id, given)
    about = {"newsletter_id": newsletter_id, "subscriber_id": subscriber_id}
    if request.tags:
        had = set(session.scalars(select(TagRow.tag).filter_by(**about)))
        insert_missing(session, TagRow, [about | {"tag": tag} for tag in request.tags])
        note_tags(session, newsletter_id, [subscriber_id], set(request.tags) - had)
    if request.frequency is not None:
        session.execute(
            update(SubscriptionRow).filter_by(**about).values(frequency=request.frequency)
        )
    if request.is_counted:
        count_step(session, newsletter_id, request.form_id, FormStep.CONFIRMED)
    session.execute(delete(JoinRequestRow).filter_by(**about))


def forget_requests(session: Session, before: datetime, *, limit: int) -> int:
    """Delete up to ``limit`` requests from before a moment, with their network addresses."""
    numbers = session.scalars(
        select(JoinRequestRow.consent_id)
        .where(JoinRequestRow.requested_at < before)
        .order_by(JoinRequestRow.requested_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    session.execute(update(ConsentRow).where(ConsentRow.id.in_(numbers)).values(network=""))
    session.execute(delete(JoinRequestRow).where(JoinRequestRow.consent_id.in_(numbers)))
    return len(numbers)
