"""Actions on forms and their websites, each with its checks and its audit entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action, details_of
from newsletter.database.tables import (
    FormRow,
    FormSiteRow,
    FormTallyRow,
    JoinRequestRow,
    NewsletterRow,
)
from newsletter.edit_conflicts import merge_changes
from newsletter.errors import ConflictError, ListError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing, Number
from subscribers.fields.store import find_field, list_fields
from subscribers.forms.model import (
    MOST_FORMS,
    MOST_SITES,
    JoinForm,
    Sites,
    check_form,
    origin_of,
    read_site,
)
from subscribers.forms.store import form_of_row, list_forms, list_sites, no_such_form


def add_form(session: Session, actor: Actor, newsletter_id: int, draft: JoinForm) -> JoinForm:
    """Add a form.

    Raises:
        ListError: The definition is wrong.
        ConflictError: The short name is taken, or there are too many forms.
    """
    form = _check(session, newsletter_id, draft)
    count = session.scalar(select(func.count()).where(FormRow.newsletter_id == newsletter_id))
    if (count or 0) >= MOST_FORMS:
        raise ConflictError(
            msg("There are {limit} forms already.", limit=Number(MOST_FORMS)),
            remedy=msg("Delete one that is not needed."),
        )
    values = form.kept
    row = FormRow(newsletter_id=newsletter_id, slug=form.slug, **values)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise ConflictError(
            msg("There is already a form “{name}”.", name=form.slug),
            remedy=msg("Choose another short name."),
            place=Place(field="slug"),
        ) from None
    _record(session, actor, Action.FORM_ADD, newsletter_id, form.slug, values)
    return form_of_row(row)


def change_form(
    session: Session, actor: Actor, newsletter_id: int, form: JoinForm, *, shown: str = ""
) -> JoinForm:
    """Change the form with the same short name.

    ``shown`` is the form as the page showed it; see `newsletter.edit_conflicts`.

    Raises:
        ListError: The definition is wrong.
        NotFoundError: There is no such form.
        EditConflictError: Somebody else changed the same part of the form.
    """
    row = _hold(session, newsletter_id, form.slug)
    form = merge_changes(shown, replace(form, id=row.id), form_of_row(row)).require()
    before, after = form_of_row(row).kept, _check(session, newsletter_id, form).kept
    for name, value in after.items():
        setattr(row, name, value)
    session.flush()
    changed = {
        name: [before[name], value] for name, value in after.items() if before[name] != value
    }
    if changed:
        _record(session, actor, Action.FORM_CHANGE, newsletter_id, row.slug, changed)
    return form_of_row(row)


def ask_in_forms(
    session: Session, actor: Actor, newsletter_id: int, key: str, slugs: Sequence[str] = ()
) -> Sequence[str]:
    """Add a field to forms that do not ask for it; return the short names of these forms.

    Args:
        session: The database session, in a transaction.
        actor: The account or command that changes the forms.
        newsletter_id: The newsletter of the forms.
        key: The key of the field.
        slugs: The short names of the forms; if empty, all forms of the newsletter.

    Raises:
        NotFoundError: There is no such field, or no such form.
        ListError: A form would have too many fields.
    """
    find_field(session, newsletter_id, key)
    changed = []
    for slug in slugs or [form.slug for form in list_forms(session, newsletter_id)]:
        form = form_of_row(_hold(session, newsletter_id, slug))
        if key not in form.fields:
            changed.append(slug)
            with_it = replace(form, fields=(*form.fields, key))
            change_form(session, actor, newsletter_id, with_it)
    return changed


def delete_form(session: Session, actor: Actor, newsletter_id: int, slug: str) -> None:
    """Delete a form with its counts; pending requests from it can still be confirmed.

    Raises:
        NotFoundError: There is no such form.
    """
    row = _hold(session, newsletter_id, slug)
    session.execute(
        update(JoinRequestRow)
        .where(JoinRequestRow.form_id == row.id)
        .values(form_id=None, is_counted=False)
    )
    session.execute(delete(FormTallyRow).where(FormTallyRow.form_id == row.id))
    session.execute(delete(FormRow).where(FormRow.id == row.id))
    _record(session, actor, Action.FORM_DELETE, newsletter_id, slug, {})


def set_sites(
    session: Session, actor: Actor, newsletter_id: int, sites: Iterable[str], *, shown: str = ""
) -> Sequence[str]:
    """Set the websites that may embed a newsletter's forms; return their origins.

    ``shown`` are the websites as the page showed them; see `newsletter.edit_conflicts`.

    Raises:
        ListError: A text is not a website, or there are too many.
        ConflictError: A form redirects to a website that would be removed.
    """
    sent = Sites(origins=tuple({read_site(text) for text in sites if text.strip()}))
    session.get_one(NewsletterRow, newsletter_id, with_for_update=True)
    before = list(list_sites(session, newsletter_id))
    merged = merge_changes(shown, sent, Sites(origins=tuple(before))).require()
    origins = sorted(merged.origins)
    if len(origins) > MOST_SITES:
        raise ListError(
            msg("There are more than {limit} websites.", limit=Number(MOST_SITES)),
            place=Place(field="sites"),
            remedy=msg("Leave some out."),
        )
    leading = session.execute(
        select(FormRow.slug, FormRow.success_url).where(
            FormRow.newsletter_id == newsletter_id, FormRow.success_url != ""
        )
    )
    if bound := [slug for slug, url in leading if origin_of(url) not in origins]:
        raise ConflictError(
            msg(
                "Forms lead to these websites after sending: {names}.", names=Listing(tuple(bound))
            ),
            place=Place(field="sites"),
            remedy=msg("Change these forms first."),
        )
    if before != origins:
        session.execute(delete(FormSiteRow).where(FormSiteRow.newsletter_id == newsletter_id))
        session.add_all(FormSiteRow(newsletter_id=newsletter_id, origin=one) for one in origins)
        session.flush()
        record_event(
            session,
            actor,
            Action.FORM_SITES,
            object="forms",
            newsletter_id=newsletter_id,
            details={"before": before, "after": origins},
        )
    return origins


def _check(session: Session, newsletter_id: int, form: JoinForm) -> JoinForm:
    known, sites = list_fields(session, newsletter_id), list_sites(session, newsletter_id)
    return check_form(form, known, sites)


def _hold(session: Session, newsletter_id: int, slug: str) -> FormRow:
    row = session.scalars(
        select(FormRow)
        .where(FormRow.newsletter_id == newsletter_id, FormRow.slug == slug)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise no_such_form(session, newsletter_id, slug)
    return row


def _record(
    session: Session,
    actor: Actor,
    action: Action,
    newsletter_id: int,
    slug: str,
    details: Mapping[str, Any],
) -> None:
    record_event(
        session,
        actor,
        action,
        object=f"form {slug}",
        newsletter_id=newsletter_id,
        details=details_of(details),
    )
