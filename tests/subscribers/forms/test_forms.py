"""Forms: what they may ask and where they lead; what is filled in is nobody's until confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    ConsentRow,
    JoinRequestRow,
    SubscriptionRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.edit_conflicts import shown_of
from newsletter.errors import ConflictError, ListError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter, find_newsletter
from newsletter.tokens import Purpose, TokenSigner
from subscribers.erasure import erase
from subscribers.fields.actions import change_field, delete_field
from subscribers.forgetting import forget_unconfirmed
from subscribers.forms.actions import add_form, change_form, delete_form, set_sites
from subscribers.forms.model import OWN_FORM, JoinForm, Sites, check_form, own_form, read_site
from subscribers.forms.requests import read_answers
from subscribers.forms.store import (
    OWN,
    FormStep,
    conversions,
    count_step,
    find_form,
    list_forms,
)
from subscribers.joining import BY_MAIL, Origin, confirm_join, request_join
from tests.support.fields import ALL, CITY, PLAN, TOPIC, set_fields
from tests.support.stage import Stage, set_stage

_ORIGIN = Origin(source="/f", network="192.0.2.0/24", wording="yes", language=Language.JAPANESE)
_SIGNER = TokenSigner([b"k" * 40])
_FAIR = JoinForm(slug="fair", fields=("city", "topic"), tags=("fair", "2026"))
ASKED = "asked@example.jp"


@pytest.fixture
def stage(engine: Engine) -> Stage:
    found = set_stage(engine)
    set_fields(engine, found.newsletter_id, *ALL)
    return found


def _add(stage: Stage, form: JoinForm = _FAIR) -> JoinForm:
    with transaction(stage.engine) as session:
        return add_form(session, COMMAND_LINE, stage.newsletter_id, form)


def _ask(
    stage: Stage,
    form: JoinForm,
    given: Mapping[str, object],
    address: str = ASKED,
    *,
    name: str = "",
    origin: Origin = _ORIGIN,
    time_zone: str = "",
) -> str:
    with transaction(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        answers = read_answers(session, newsletter.id, form, given)
        request = request_join(
            session,
            newsletter,
            parse_address(address),
            name=name,
            origin=origin,
            time_zone=time_zone,
            form=form,
            answers=answers,
        )
        count_step(session, stage.newsletter_id, form.id, FormStep.ASKED)
    return _SIGNER.sign(Purpose.CONFIRM, request.numbers[0])


def _confirm(stage: Stage, token: str) -> None:
    with transaction(stage.engine) as session:
        confirm_join(session, _SIGNER, token, days=7, source="link", network="")


def _known(stage: Stage, address: str = ASKED) -> tuple[dict[str, object], set[str]]:
    """Return somebody's values and tags."""
    number = stage.subscriber_id(address)
    with reading(stage.engine) as session:
        row = session.get_one(SubscriptionRow, (stage.newsletter_id, number))
        tags = session.scalars(select(TagRow.tag).where(TagRow.subscriber_id == number))
        return dict(row.attributes), set(tags)


def _open_requests(stage: Stage) -> int:
    with reading(stage.engine) as session:
        return session.scalar(select(func.count()).select_from(JoinRequestRow)) or 0


def test_what_is_filled_in_becomes_the_persons_once_they_confirm(stage: Stage) -> None:
    token = _ask(stage, _add(stage), {"city": "千葉", "topic": ["文化", "防災"]})
    assert _known(stage) == ({}, set())
    _confirm(stage, token)
    assert _known(stage) == ({"city": "千葉", "topic": ["防災", "文化"]}, {"fair", "2026"})
    assert _open_requests(stage) == 0


def test_of_two_requests_that_one_counts_which_is_confirmed(stage: Stage) -> None:
    form = _add(stage)
    _ask(stage, form, {"city": "a stranger’s words"})
    _confirm(stage, _ask(stage, form, {"city": "千葉"}))
    assert _known(stage)[0] == {"city": "千葉"}
    assert _open_requests(stage) == 0


def _called(stage: Stage) -> tuple[str, str, str]:
    """Return somebody's name, language and time zone."""
    number = stage.subscriber_id(ASKED)
    with reading(stage.engine) as session:
        row = session.get_one(SubscriptionRow, (stage.newsletter_id, number))
        return row.name, row.language, row.time_zone


_ENGLISH = replace(_ORIGIN, language=Language.ENGLISH)


def _has_left(stage: Stage) -> None:
    form = own_form(())
    _confirm(stage, _ask(stage, form, {}, name="前の名", origin=_ENGLISH, time_zone="Asia/Seoul"))
    with transaction(stage.engine) as session:
        session.execute(update(SubscriptionRow).values(state="unsubscribed"))


def test_who_comes_back_is_called_as_the_confirmed_form_says(stage: Stage) -> None:
    _has_left(stage)
    chosen = replace(_ORIGIN, mail_language="de")
    token = _ask(stage, _FAIR, {}, name="今の名", origin=chosen, time_zone="Asia/Tokyo")
    assert _called(stage) == ("前の名", "en", "Asia/Seoul")
    _confirm(stage, token)
    assert _called(stage) == ("今の名", "de", "Asia/Tokyo")


def test_what_the_confirmed_form_does_not_say_stays_of_who_comes_back(stage: Stage) -> None:
    _has_left(stage)
    _ask(stage, _FAIR, {}, name="a stranger’s words", time_zone="Asia/Tokyo")
    _confirm(stage, _ask(stage, _FAIR, {}))
    assert _called(stage) == ("前の名", "en", "Asia/Seoul")


def test_of_two_first_requests_nothing_stays_of_the_unconfirmed(stage: Stage) -> None:
    _ask(stage, _FAIR, {}, name="a stranger’s words", origin=_ENGLISH, time_zone="Asia/Seoul")
    _confirm(stage, _ask(stage, _FAIR, {}))
    assert _called(stage) == ("", "ja", "")


def test_what_the_staff_wrote_meanwhile_stays_where_the_request_says_nothing(stage: Stage) -> None:
    token = _ask(stage, _FAIR, {}, time_zone="Asia/Tokyo")
    with transaction(stage.engine) as session:
        (row,) = session.scalars(select(SubscriptionRow))
        row.name, row.time_zone = "窓口の名", "Asia/Seoul"
    _confirm(stage, token)
    assert _called(stage) == ("窓口の名", "ja", "Asia/Tokyo")


def test_a_strangers_request_changes_nothing_of_who_reads_already(stage: Stage) -> None:
    stage.subscribe(ASKED)
    _confirm(stage, _ask(stage, _add(stage), {"city": "千葉"}))
    assert _known(stage) == ({}, set())


def test_of_a_field_that_was_deleted_meanwhile_nothing_is_kept(stage: Stage) -> None:
    token = _ask(stage, _add(stage), {"city": "千葉", "topic": ["文化"]})
    with transaction(stage.engine) as session:
        delete_field(session, COMMAND_LINE, stage.newsletter_id, "city")
    _confirm(stage, token)
    assert _known(stage)[0] == {"topic": ["文化"]}
    with reading(stage.engine) as session:
        fields = find_form(session, stage.newsletter_id, "fair").asked_of([TOPIC, PLAN])
    assert [field.key for field in fields] == ["topic"]


def test_only_what_the_form_asks_is_read(stage: Stage) -> None:
    token = _ask(stage, _add(stage), {"city": "千葉", "plan": "paid"})
    _confirm(stage, token)
    assert _known(stage)[0] == {"city": "千葉"}


@pytest.mark.parametrize(
    ("given", "place"),
    [({"topic": ["天気"]}, "topic"), ({"city": "x" * 501}, "city"), ({}, "city")],
)
def test_a_wrong_answer_names_its_field(
    stage: Stage, given: Mapping[str, object], place: str
) -> None:
    with transaction(stage.engine) as session:
        required = replace(CITY, required=True)
        change_field(session, COMMAND_LINE, stage.newsletter_id, required)
    with pytest.raises(ListError) as refused, reading(stage.engine) as session:
        read_answers(session, stage.newsletter_id, _FAIR, given)
    assert refused.value.place is not None
    assert refused.value.place.field == place


def test_a_form_counts_who_was_shown_it_who_sent_it_and_who_confirmed(stage: Stage) -> None:
    form = _add(stage)
    for _ in range(4):
        with transaction(stage.engine) as session:
            count_step(session, stage.newsletter_id, form.id, FormStep.SHOWN)
    tokens = [_ask(stage, form, {}, f"r{number}@example.jp") for number in range(2)]
    for _ in range(2):
        _confirm(stage, tokens[0])
    with reading(stage.engine) as session:
        (found,) = conversions(session, stage.newsletter_id).values()
    assert (found.shown, found.asked, found.confirmed, found.rate) == (4, 2, 1, 25)


def test_the_newsletters_own_form_is_counted_and_who_asks_by_mail_is_not(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        count_step(session, stage.newsletter_id, None, FormStep.SHOWN)
    _confirm(stage, _ask(stage, OWN_FORM, {}, "form@example.jp"))
    by_mail = replace(_ORIGIN, source=f"{BY_MAIL}join+digest@example.jp")
    _confirm(stage, _ask(stage, OWN_FORM, {}, "mail@example.jp", origin=by_mail))
    with reading(stage.engine) as session:
        found = conversions(session, stage.newsletter_id)[OWN]
    assert (found.shown, found.confirmed) == (1, 1)


def test_a_form_that_is_deleted_leaves_its_requests(stage: Stage) -> None:
    form = _add(stage)
    token = _ask(stage, form, {"city": "千葉"})
    with transaction(stage.engine) as session:
        delete_form(session, COMMAND_LINE, stage.newsletter_id, "fair")
    _confirm(stage, token)
    assert _known(stage) == ({"city": "千葉"}, {"fair", "2026"})
    with reading(stage.engine) as session, pytest.raises(NotFoundError):
        find_form(session, stage.newsletter_id, "fair")


def test_what_came_by_a_form_deleted_since_is_no_success_of_the_newsletters_own(
    stage: Stage,
) -> None:
    token = _ask(stage, _add(stage), {})
    with transaction(stage.engine) as session:
        delete_form(session, COMMAND_LINE, stage.newsletter_id, "fair")
    _confirm(stage, token)
    with reading(stage.engine) as session:
        assert OWN not in conversions(session, stage.newsletter_id)


def test_what_was_filled_in_is_erased_and_forgotten_with_the_request(stage: Stage) -> None:
    form = _add(stage)
    stage.subscribe("left@example.jp")
    with transaction(stage.engine) as session:
        session.execute(update(SubscriptionRow).values(state="unsubscribed"))
    _ask(stage, form, {"city": "千葉"})
    _ask(stage, form, {"city": "千葉"}, "left@example.jp")
    with transaction(stage.engine) as session:
        number = stage.subscriber_id(ASKED)
        erase(session, number, _SIGNER.pseudonyms, way=UnsubscribeWay.PAGE)
    assert _open_requests(stage) == 1
    with transaction(stage.engine) as session:
        session.execute(update(JoinRequestRow).values(requested_at=now() - timedelta(days=15)))
        assert forget_unconfirmed(session, days=14) == 1
    assert _open_requests(stage) == 0
    with reading(stage.engine) as session:
        assert set(session.scalars(select(ConsentRow.network))) == {""}


def test_adding_changing_and_deleting_are_in_the_audit_log(stage: Stage) -> None:
    form = _add(stage)
    with transaction(stage.engine) as session:
        change_form(session, COMMAND_LINE, stage.newsletter_id, replace(form, title="秋まつり"))
        change_form(session, COMMAND_LINE, stage.newsletter_id, replace(form, title="秋まつり"))
        set_sites(session, COMMAND_LINE, stage.newsletter_id, ["www.example.jp"])
        delete_form(session, COMMAND_LINE, stage.newsletter_id, "fair")
    with reading(stage.engine) as session:
        actions = session.scalars(select(AuditEventRow.action).order_by(AuditEventRow.id)).all()
    assert actions[-4:] == ["form.add", "form.change", "form.sites", "form.delete"]


def test_a_short_name_is_taken_once_in_each_newsletter(stage: Stage) -> None:
    _add(stage)
    with pytest.raises(ConflictError, match="already a form"):
        _add(stage)
    with transaction(stage.engine) as session:
        other = create_newsletter(
            session,
            NewsletterDraft(
                slug="weekly", name="W", from_address="w@example.jp", postal_address="1-2-3"
            ),
        )
        add_form(session, COMMAND_LINE, other.id, JoinForm(slug="fair"))
        with pytest.raises(NotFoundError):
            change_form(session, COMMAND_LINE, other.id, JoinForm(slug="none"))
        with pytest.raises(ListError, match="no field"):
            add_form(session, COMMAND_LINE, other.id, replace(_FAIR, slug="other"))
        assert [form.slug for form in list_forms(session, other.id)] == ["fair"]


def test_the_newsletters_own_form_asks_what_is_asked_on_joining() -> None:
    assert own_form(ALL).fields == ("topic",)


_SITES = ("https://www.example.jp", "http://localhost:8080")


@pytest.mark.parametrize("slug", ["", "A", "a b", "-a", "a" * 41, "form", "challenge", "a/b", "フ"])
def test_a_short_name_is_one_word_of_an_address(slug: str) -> None:
    with pytest.raises(ListError, match="short name"):
        check_form(JoinForm(slug=slug), (), ())


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("https://www.example.jp/thanks?a=1", True),
        ("HTTPS://WWW.EXAMPLE.JP/", True),
        ("https://www.example.jp:443/", True),
        ("http://localhost:8080/x", True),
        ("http://www.example.jp/", False),
        ("https://www.example.jp.evil.example/", False),
        ("https://www.example.jp@evil.example/", False),
        ("https://user@www.example.jp/", False),
        ("https://www.example.jp:8443/", False),
        ("//www.example.jp/", False),
        ("javascript:alert(1)//www.example.jp", False),
        ("https://www.example.jp/\r\nX: y", False),
        ("https://[", False),
    ],
)
def test_a_form_leads_to_the_newsletters_websites_alone(url: str, *, is_taken: bool) -> None:
    wanted = JoinForm(slug="a", success_url=url)
    if is_taken:
        assert check_form(wanted, (), _SITES).success_url == url
    else:
        with pytest.raises(ListError, match="not on one of"):
            check_form(wanted, (), _SITES)


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("www.example.jp", "https://www.example.jp"),
        (" https://WWW.example.jp/path?x ", "https://www.example.jp"),
        ("https://例え.jp/", "https://xn--r8jz45g.jp"),
        ("https://www.example.jp:8443", "https://www.example.jp:8443"),
        ("http://localhost:8080/", "http://localhost:8080"),
    ],
)
def test_a_website_is_read_as_its_origin(typed: str, origin: str) -> None:
    assert read_site(typed) == origin


@pytest.mark.parametrize(
    "typed",
    [
        *("*", "https://*.example.jp", "http://www.example.jp", "ftp://a.jp", "a b.jp", "'self'"),
        *("https://a.jp; script-src *", "https://user@a.jp", "https://", "example"),
    ],
)
def test_what_is_no_website_is_refused(typed: str) -> None:
    with pytest.raises(ListError):
        read_site(typed)


def test_two_who_change_the_websites_at_once_both_have_theirs(stage: Stage) -> None:
    def save(*typed: str, shown: str) -> Sequence[str]:
        with transaction(stage.engine) as session:
            return set_sites(session, COMMAND_LINE, stage.newsletter_id, typed, shown=shown)

    save("https://a.example", "https://b.example", shown="")
    shown = shown_of(Sites(origins=("https://a.example", "https://b.example")))
    save("https://a.example", "https://b.example", "https://c.example", shown=shown)
    kept = save("https://b.example", "https://d.example", shown=shown)
    assert kept == ["https://b.example", "https://c.example", "https://d.example"]


def test_a_website_that_forms_lead_to_stays(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        set_sites(session, COMMAND_LINE, stage.newsletter_id, ["www.example.jp"])
    _add(stage, replace(_FAIR, success_url="https://www.example.jp/thanks"))
    with pytest.raises(ConflictError, match="fair"), transaction(stage.engine) as session:
        set_sites(session, COMMAND_LINE, stage.newsletter_id, [])
