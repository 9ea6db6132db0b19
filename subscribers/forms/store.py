"""Queries for forms, and counts of how often they were shown, submitted and confirmed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.database.insert import add_up
from newsletter.database.tables import FormRow, FormSiteRow, FormTallyRow
from newsletter.database.types import now
from newsletter.errors import NotFoundError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing
from subscribers.fields.store import list_fields
from subscribers.forms.model import JoinForm, own_form

_LATELY = timedelta(days=30)
#: The number of the newsletter's own form in the counts.
OWN = 0


class FormStep(StrEnum):
    """The counted steps of a form, which are columns of its tally."""

    SHOWN = "shown"
    ASKED = "asked"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """The counts of a form for the last 30 days."""

    shown: int = 0
    asked: int = 0
    confirmed: int = 0

    @property
    def rate(self) -> float | None:
        """Confirmations per display in percent; None if the form was never shown."""
        return 100 * self.confirmed / self.shown if self.shown else None


def list_forms(session: Session, newsletter_id: int) -> Sequence[JoinForm]:
    """Return a newsletter's forms by short name, without its own form, which always exists."""
    rows = session.scalars(
        select(FormRow).where(FormRow.newsletter_id == newsletter_id).order_by(FormRow.slug)
    )
    return [form_of_row(row) for row in rows]


def find_form(session: Session, newsletter_id: int, slug: str) -> JoinForm:
    """Return a newsletter's form; its own form if the name is empty.

    Raises:
        NotFoundError: No form has this name.
    """
    if not slug:
        return own_form(list_fields(session, newsletter_id))
    row = session.scalars(
        select(FormRow).where(FormRow.newsletter_id == newsletter_id, FormRow.slug == slug)
    ).one_or_none()
    if row is None:
        raise no_such_form(session, newsletter_id, slug)
    return form_of_row(row)


def forms_without(session: Session, newsletter_id: int) -> Mapping[str, Sequence[JoinForm]]:
    """Return, for each field that is asked for on joining, the forms that do not ask for it.

    A field that is added later appears only in the newsletter's own form.
    """
    forms = list_forms(session, newsletter_id)
    return {
        field.key: lacking
        for field in list_fields(session, newsletter_id)
        if field.ask_on_joining
        and (lacking := [form for form in forms if field.key not in form.fields])
    }


def no_such_form(session: Session, newsletter_id: int, slug: str) -> NotFoundError:
    """Return the error that a newsletter has no form of this name."""
    names = tuple(form.slug for form in list_forms(session, newsletter_id))
    return NotFoundError(
        msg("There is no form “{name}”.", name=slug[:60]),
        remedy=msg("The forms are: {names}.", names=Listing(names)) if names else None,
    )


def form_of_row(row: FormRow) -> JoinForm:
    """Return the form of a row."""
    return JoinForm(
        id=row.id,
        slug=row.slug,
        title=row.title,
        introduction=row.introduction,
        button=row.button,
        language=Language(row.language) if row.language in set(Language) else None,
        asks_name=row.asks_name,
        asks_frequency=row.asks_frequency,
        fields=tuple(row.fields),
        tags=tuple(row.tags),
        success_url=row.success_url,
    )


def list_sites(session: Session, newsletter_id: int) -> Sequence[str]:
    """Return the origins of the websites that may embed a newsletter's forms."""
    return session.scalars(
        select(FormSiteRow.origin)
        .where(FormSiteRow.newsletter_id == newsletter_id)
        .order_by(FormSiteRow.origin)
    ).all()


def count_step(session: Session, newsletter_id: int, form_id: int | None, step: FormStep) -> None:
    """Increment today's count of a form; None is the newsletter's own form."""
    if form_id is not None and session.get(FormRow, form_id) is None:
        return
    row = {
        "newsletter_id": newsletter_id,
        "form_id": form_id or OWN,
        "day": f"{now():%Y-%m-%d}",
        **{each.value: int(each is step) for each in FormStep},
    }
    add_up(session, FormTallyRow, step.value, [row])


def conversions(session: Session, newsletter_id: int) -> defaultdict[int, Conversion]:
    """Return the recent counts of a newsletter's forms by id; its own form is `OWN`.

    The counts of a form that was never shown are zero.
    """
    since = f"{now() - _LATELY:%Y-%m-%d}"
    sums = [func.sum(getattr(FormTallyRow, step.value)) for step in FormStep]
    rows = session.execute(
        select(FormTallyRow.form_id, *sums)
        .where(FormTallyRow.newsletter_id == newsletter_id, FormTallyRow.day >= since)
        .group_by(FormTallyRow.form_id)
    )
    figures = defaultdict[int, Conversion](Conversion)
    for number, shown, asked, confirmed in rows:
        figures[number] = Conversion(shown=int(shown), asked=int(asked), confirmed=int(confirmed))
    return figures
