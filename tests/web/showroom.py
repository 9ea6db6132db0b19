"""A site where every page has something to show: a mailing sent, a draft, mail, people, links."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.roles import Grant
from newsletter.accounts.sessions import open_session
from newsletter.accounts.sign_in_limits import Browser
from newsletter.addresses import parse_address
from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from newsletter.database.engine import transaction
from newsletter.database.tables import (
    AccountRow,
    ApprovalRow,
    BounceRow,
    ConsentRow,
    DeliveryRow,
    IssueRow,
    ListImportRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    TemplateRow,
    TemplateVersionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    DeliveryState,
    Frequency,
    Joining,
    Role,
    SeriesTrigger,
    Visibility,
)
from newsletter.feedback.log import log_events, mail_event
from newsletter.i18n.language import Language
from newsletter.issues.drafts.reuse import start_from
from newsletter.issues.drafts.translating import UnitFields, add_translation, save_units
from newsletter.issues.model import issue_from_json
from newsletter.issues.translation_units import units_of
from newsletter.mailbox.store import MailboxStore
from newsletter.mailings.planning.links import DeliveryLinks
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.series.actions import SeriesPlan
from newsletter.mailings.series.due import Timing
from newsletter.mailings.series.planning import plan_series
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter, find_newsletter
from newsletter.newsletters.snippets import save_snippet
from newsletter.newsletters.templates import shipped_source
from newsletter.rendering.model import Slot
from newsletter.settings import shipped_templates
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner
from subscribers.address_changes import numbers_of_change, request_change
from subscribers.fields.values import write_values
from subscribers.forms.actions import add_form, set_sites
from subscribers.forms.model import JoinForm
from subscribers.invitations import make_invitation
from subscribers.joining import Origin, request_join
from subscribers.lists.imports.uploads import keep_upload
from subscribers.segments.saved import save_segment
from tests.support.corrections import correct, titled, write_correction
from tests.support.digests import choose, offer
from tests.support.fields import ALL, add_fields
from tests.support.imports import order, work_on
from tests.support.series import AT_ONCE, begin_series, join
from tests.support.site import serving
from tests.support.stage import Stage, set_stage

PASSWORD = "four words, quite long"
#: Another newsletter, where nothing was ever written or sent.
EMPTY = NewsletterDraft(
    slug="weekly",
    name="週刊 図書館",
    from_address="library@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
    visibility=Visibility.PUBLIC,
    joining=Joining.PUBLIC,
    description="図書館の新着と催しを、毎週お知らせします。",
)

_FAMILIES = '(tag = "press" or not domain ends with ".com") and joined >= 30 days ago'


@dataclass(frozen=True, kw_only=True)
class Showroom:
    """The site's address, what its paths' placeholders stand for, and sessions by language."""

    engine: Engine
    url: str
    places: dict[Language, dict[str, str]]
    sessions: dict[Language, str]


@contextmanager
def showroom(engine: Engine, folder: Path) -> Iterator[Showroom]:
    """Furnish a site and serve it."""
    signer = TokenSigner([b"k" * 40])
    stage = set_stage(engine)
    with transaction(engine) as session:
        create_newsletter(session, EMPTY)
        set_sites(session, COMMAND_LINE, stage.newsletter_id, ["https://www.example.jp"])
        add_fields(session, stage.newsletter_id, *ALL)
        keys = tuple(field.key for field in ALL)
        add_form(session, COMMAND_LINE, stage.newsletter_id, JoinForm(slug="fair", fields=keys))
        _keep_template(session, stage.newsletter_id)
        save_segment(session, stage.newsletter_id, name="families", query=_FAMILIES)
    people = {language: f"{language.value}@example.jp" for language in Language}
    stage.subscribe(*people.values(), "gone@example.com", *(f"r{n}@example.jp" for n in range(9)))
    with transaction(engine) as session:
        for address in ("r1@example.jp", *people.values()):
            write_values(
                session,
                stage.newsletter_id,
                stage.subscriber_id(address),
                {"city": "青葉町", "birthday": "1980-04-01", "topic": ["防災"], "member": True},
            )
    offer(engine)
    choose(stage, "r2@example.jp", Frequency.WEEKLY)
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        make_invitation(session, COMMAND_LINE, newsletter, uses=20, days=30, note="町内会")
    series = _series(engine)
    mailing = _send(stage)
    bounce = _bounce(engine)
    mailbox = MailboxStore(folder / "mailbox.sqlite3")
    message = mailbox.add(_mail().as_bytes(), sender="digest@example.jp", recipient="a@example.jp")
    places: dict[Language, dict[str, str]] = {}
    sessions: dict[Language, str] = {}
    for language, address in people.items():
        with transaction(engine) as session:
            person = session.get_one(SubscriberRow, stage.subscriber_id(address))
            relation = session.get_one(SubscriptionRow, (stage.newsletter_id, person.id))
            relation.language = language.value
            ref = DeliveryRef(
                newsletter_id=stage.newsletter_id, mailing_id=mailing, subscriber_id=person.id
            )
            issue = session.scalars(select(IssueRow)).one()
            content = issue_from_json(issue.content)
            draft = start_from(session, stage.newsletter_id, content, author="葵")
            draft, _tag = add_translation(session, draft, "en")
            title = UnitFields(source=units_of(draft.issue)[0].source, text="Town news")
            save_units(session, draft, "en", [title], author="葵")
            links = DeliveryLinks.of("", signer, ref).slots(name="", address=address)
            places[language] = {
                "mailing": str(mailing),
                "bounce": str(bounce),
                "person": str(stage.subscriber_id("r1@example.jp")),
                "another": str(stage.subscriber_id("r2@example.jp")),
                "message": str(message),
                "issue": str(issue.id),
                "issue_slug": issue.slug,
                "draft": str(draft.id),
                "unsubscribe": links[Slot.UNSUBSCRIBE_URL],
                "preferences": links[Slot.PREFERENCES_URL],
                "view": links[Slot.VIEW_URL],
                **_confirmations(session, signer, language, address),
                **_address_changes(session, signer, stage, person.id, language),
            }
        sessions[language] = _account(engine, language)
        with transaction(engine) as session:
            places[language]["invitation"] = invite(
                session,
                COMMAND_LINE,
                address=f"new-{language.value}@example.jp",
                grants=[Grant(role=Role.EDITOR)],
                language=language,
            )
    correct(stage, titled("訂正した題"))
    correction = write_correction(stage, titled("もう一度訂正した題"))
    _ask_again(engine)
    lists = _lists(engine, stage.newsletter_id) | {
        "correction": str(correction.id),
        "corrected": str(correction.corrects),
        "snippet": str(_snippet(engine, stage.newsletter_id)),
    }
    for known in places.values():
        known.update(lists | series)
    with serving(engine, signer, folder, mailbox=mailbox, secret_keys=("k" * 40,)) as url:
        yield Showroom(engine=engine, url=url, places=places, sessions=sessions)


def _ask_again(engine: Engine) -> None:
    """Ask for approval of what was sent: else there is nothing of it to decide on, and no page."""
    with transaction(engine) as session:
        issue = session.scalars(select(IssueRow).order_by(IssueRow.id).limit(1)).one()
        asker = session.scalars(select(AccountRow.id).order_by(AccountRow.id).limit(1)).one()
        session.add(
            ApprovalRow(
                issue_id=issue.id, digest="0" * 64, requested_by=asker, content=issue.content
            )
        )


def _lists(engine: Engine, newsletter_id: int) -> dict[str, str]:
    """Bring a list of which something is asked, and import another."""
    octets = "会員番号,メール,お名前\n1,list@example.jp,花\n2,no address,太郎\n".encode()
    imported = work_on(engine, order(engine, newsletter_id, octets, name="会員.csv"))
    asking = (
        "会員番号,メール,お名前,状態,会報\n"
        "1,list@example.jp,花,1,要\n2,b@example.jp,太郎,2,不要\n3,c@example.jp,海,1,\n"
        "4,d@example.jp,空,9,要\n"
    ).encode()
    brought = keep_upload(engine, [asking], name="会員.csv", newsletter_id=newsletter_id)
    with transaction(engine) as session:
        number = session.scalars(select(ListImportRow.id)).one()
    return {"list": brought.token, "imported": imported.token, "import": str(number)}


def _series(engine: Engine) -> dict[str, str]:
    """Make a series that a reader is in, and one that is still written."""
    later = Timing(delay_days=3, hour="08:00", own_clock=True)
    plan = SeriesPlan(
        name="お誕生日",
        trigger=SeriesTrigger.DATE,
        subject="birthday",
        yearly=True,
        offset_days=-7,
        condition='language = "ja"',
    )
    active = begin_series(engine, AT_ONCE, later)
    written = begin_series(engine, Timing(hour="08:00"), plan=plan, active=False)
    join(engine, "welcome@example.jp")
    plan_series(engine)
    return {"series": str(active), "written": str(written)}


def _send(stage: Stage) -> int:
    number = stage.mail()
    plan_mailing(stage.engine, number)
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED, settled_at=now()))
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.subscriber_id == stage.subscriber_id("gone@example.com"))
            .values(state=DeliveryState.REJECTED, reply="550 5.1.1 no such user")
        )
    return number


def _bounce(engine: Engine) -> int:
    """Log a report that came back; return its number."""
    raw = b"From: mailer-daemon@example.com\r\nSubject: failure notice\r\n\r\nno such user\r\n"
    gone = ReportedRecipient(
        address="gone@example.com",
        hard=True,
        reason=Reason.USER_UNKNOWN,
        status="5.1.1",
        words="550 5.1.1 no such user",
    )
    report = Report(kind=ReportKind.BOUNCE, reader="test", recipients=(gone,))
    with transaction(engine) as session:
        log_events(session, [mail_event(report, raw)])
        return session.scalars(select(BounceRow.id)).one()


def _mail() -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "十二月号", "digest@example.jp", "a@example.jp"
    mail.set_content("年末の窓口の案内です。\n")
    mail.add_alternative("<html lang=ja><title>十二月号</title><h1>十二月号</h1>", subtype="html")
    return mail


def _confirmations(
    session: Session, signer: TokenSigner, language: Language, address: str
) -> dict[str, str]:
    """Return links of requests that are open, expired, and already confirmed."""
    newsletter = find_newsletter(session, "digest")
    origin = Origin(source="test", network="", wording="I agree.", language=language)
    asked = {"open": f"open-{address}", "expired": f"late-{address}", "confirmed": address}
    found = {}
    for standing, who in asked.items():
        request = request_join(session, newsletter, parse_address(who), name="", origin=origin)
        consent_id = request.numbers[0]
        found[standing] = signer.sign(Purpose.CONFIRM, consent_id)
        if standing == "expired":
            long_ago = now() - timedelta(days=400)
            session.get_one(ConsentRow, consent_id).occurred_at = long_ago
    return found


def _address_changes(
    session: Session, signer: TokenSigner, stage: Stage, reader: int, language: Language
) -> dict[str, str]:
    """Return links of a change of address that is asked for, and of one that was made."""
    found = {}
    for name, purpose in (
        ("change", Purpose.ADDRESS_CHANGE),
        ("changed", Purpose.ADDRESS_CHANGE_UNDO),
    ):
        wanted = parse_address(f"{name}-{language.value}@example.jp")
        row = request_change(session, stage.newsletter_id, reader, wanted)
        if name == "changed":
            row.changed_at, row.newsletter_ids = now(), [stage.newsletter_id]
        found[name] = signer.sign(purpose, *numbers_of_change(row))
    return found


def _snippet(engine: Engine, newsletter_id: int) -> int:
    with transaction(engine) as session:
        box = ":::contact\nphone: 042-000-0000\n:::"
        return save_snippet(session, COMMAND_LINE, newsletter_id, name="連絡先", text=box).id


def _keep_template(session: Session, newsletter_id: int) -> None:
    """Keep a template in two versions."""
    letter = asdict(shipped_source(shipped_templates(), "letter"))
    template = TemplateRow(newsletter_id=newsletter_id, name="season", author="葵", **letter)
    session.add(template)
    session.flush()
    for number, body in enumerate((letter["body"], "<mjml></mjml>"), start=1):
        parts = letter | {"body": body}
        session.add(
            TemplateVersionRow(template_id=template.id, number=number, author="葵", **parts)
        )


def _account(engine: Engine, language: Language) -> str:
    """Make an administrator; return the token of a session of theirs."""
    with transaction(engine) as session:
        token = invite(
            session,
            COMMAND_LINE,
            address=f"admin-{language.value}@example.jp",
            grants=[Grant(role=Role.ADMINISTRATOR)],
            language=language,
        )
    with transaction(engine) as session:
        account = accept(
            session, COMMAND_LINE, token, name="葵", password=PASSWORD, language=language
        )
        return open_session(session, account, Browser(), verified=True)
