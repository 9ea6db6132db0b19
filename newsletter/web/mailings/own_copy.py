"""A reader's own copy of a mail on the web: the corrected version, or the one that was sent.

A mail about a correction links to the corrected issue.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.database.vocabulary import MailingKind
from newsletter.i18n.language import language_for
from newsletter.issues.corrections import corrections_of, dated_notes
from newsletter.mailings.archive import lacks_corrections
from newsletter.mailings.corrections.copies import correction_of_copy, faulty_copy
from newsletter.mailings.mailings import find_mailing
from newsletter.mailings.planning.links import DeliveryLinks, fields_of_readers, read_link
from newsletter.mailings.planning.variants import (
    content_of_reader,
    original_of_reader,
    read_rendered,
)
from newsletter.newsletters.publications import get_newsletter
from newsletter.rendering.model import Slot
from newsletter.rendering.slots import fill, in_language
from newsletter.tokens import DeliveryRef, Purpose
from newsletter.web.mailings.archive import mail_page, without_link_to
from newsletter.web.routing import Router
from newsletter.web.site import Site, site_of
from subscribers.preview_readers import name_and_address
from subscribers.readers import known_of

#: Added to the head of the mail: the icon of the site, no indexing, and the style of the link back.
_HEAD = (
    '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
    '<meta name="robots" content="noindex">'
    "<style>.back { display: block !important; }</style>"
)


router = Router(prefix="/v/{token}")


@router.get("")
def show_corrected(token: str, request: Request) -> HTMLResponse:
    """Show the copy as it is after corrections."""
    site = site_of(request)
    with reading(site.engine) as session:
        return _show(session, token, site)


@router.get("/sent")
def show_sent(token: str, request: Request) -> HTMLResponse:
    """Show the copy as it was sent."""
    site = site_of(request)
    with reading(site.engine) as session:
        return _show(session, token, site, as_sent=True)


@router.get("/original")
def show_original(token: str, request: Request) -> HTMLResponse:
    """Show the copy in the language in which the issue was written."""
    site = site_of(request)

    def read(session: Session) -> HTMLResponse:
        return _show(session, token, site, in_original=True)

    return read_rendered(site.engine, read)


def _show(
    session: Session,
    token: str,
    site: Site,
    *,
    as_sent: bool = False,
    in_original: bool = False,
) -> HTMLResponse:
    ref = read_link(session, site.signer, Purpose.VIEW, token)
    mailing_id, issue_id = _copy_of(session, ref)
    corrections = corrections_of(session, issue_id) if issue_id else ()
    sent = correction_of_copy(session, mailing_id, ref.subscriber_id)
    lacks = bool(corrections) and sent is not None and sent < corrections[0].number
    version = sent if as_sent else None
    content = (
        original_of_reader(session, mailing_id, ref.subscriber_id)
        if in_original
        else content_of_reader(session, mailing_id, ref.subscriber_id, correction=version)
    )
    is_earlier = not as_sent and lacks_corrections(session, mailing_id, content.rendered.tag)
    name, address = name_and_address(session, ref.newsletter_id, ref.subscriber_id)
    known = known_of(session, ref.newsletter_id, ref.subscriber_id)
    language = language_for(known.language, content.rendered.language)
    fields = fields_of_readers(session, content, [ref.subscriber_id])
    links = DeliveryLinks.of(site.settings.public_url, site.signer, ref)
    values = links.slots(name=name, address=address, fields=fields.get(ref.subscriber_id))
    above = site.pages.render(
        "reader/corrections.html",
        language=language,
        corrections=dated_notes(corrections, content.rendered.tag),
        original=f"/v/{token}/original" if is_earlier else "",
        lacks=lacks and not is_earlier,
        as_sent=as_sent,
        here=f"/v/{token}",
        zone=get_newsletter(session, ref.newsletter_id).time_zone,
    )
    html = fill(in_language(content.rendered.html, language), values)
    html = without_link_to(values[Slot.VIEW_URL], html)
    return mail_page(html, head=_HEAD, above=above)


def _copy_of(session: Session, ref: DeliveryRef) -> tuple[int, int | None]:
    """Return the mailing of a reader's copy, and its issue if that may have been corrected."""
    mailing = find_mailing(session, ref.mailing_id) if ref.mailing_id else None
    if mailing is None or mailing.issue_id is None or not mailing.kind.is_to_list:
        return ref.mailing_id, None
    if mailing.kind is MailingKind.CORRECTION:
        faulty = faulty_copy(session, mailing.issue_id, mailing.correction, ref.subscriber_id)
        return faulty or mailing.id, mailing.issue_id
    return mailing.id, mailing.issue_id
