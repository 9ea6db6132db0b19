"""Forms on the newsletter's pages and on other websites: as HTML, in a frame, by script."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, NewsletterRow, SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import Role, SubscriptionState
from newsletter.tokens import Purpose
from subscribers.forms.actions import add_form, set_sites
from subscribers.forms.model import JoinForm
from subscribers.forms.store import OWN, conversions
from tests.support.databases import each_database
from tests.support.fields import ALL, CITY, TOPIC, a_field, add_fields, set_fields
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of, tight
from tests.web.subscribers.conftest import Reception

pytestmark = pytest.mark.servers

_FAIR = JoinForm(slug="fair", title="Autumn fair", fields=("city", "topic"), tags=("fair",))


@dataclass
class Website:
    """A website of somebody else: what `body` holds, whatever is asked for."""

    origin: str
    body: str = ""


@contextmanager
def website() -> Iterator[Website]:
    """Serve a page at ``localhost``, which is another origin than 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = f'<!doctype html><html lang="en"><title>Town</title><body>{site.body}'
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("localhost", 0), Handler)
    site = Website(origin=f"http://localhost:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def town(reception: Reception) -> Iterator[Website]:
    stage = reception.stage
    set_fields(stage.engine, stage.newsletter_id, *ALL)
    with website() as site, transaction(stage.engine) as session:
        set_sites(session, COMMAND_LINE, stage.newsletter_id, [site.origin])
        add_form(session, COMMAND_LINE, stage.newsletter_id, _FAIR)
        leading = JoinForm(slug="leading", success_url=f"{site.origin}/thanks", language=None)
        add_form(session, COMMAND_LINE, stage.newsletter_id, leading)
        session.commit()
        yield site


def _post(reception: Reception, name: str = "fair", **more: object) -> httpx.Response:
    data = {"email": "new@example.jp", "lang": "en", "field.city": "Chiba"}
    data |= {"field.topic": ["防災", "文化"], **more.pop("data", {})}  # type: ignore[dict-item]
    return httpx.post(f"{reception.form}/{name}", data=data, **more)  # type: ignore[arg-type]


def _known(reception: Reception, address: str) -> dict[str, object]:
    with reading(reception.stage.engine) as session:
        return session.scalars(
            select(SubscriptionRow.attributes)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .where(SubscriberRow.address_key == address)
        ).one()


@each_database
@pytest.mark.usefixtures("town")
def test_what_is_filled_in_is_kept_from_the_confirmation_on(reception: Reception) -> None:
    assert _post(reception).status_code == 200
    assert _known(reception, "new@example.jp") == {}
    httpx.post(reception.link())
    assert _known(reception, "new@example.jp") == {"city": "Chiba", "topic": ["防災", "文化"]}


@pytest.mark.usefixtures("town")
def test_a_wrong_answer_is_told_beside_its_field_and_keeps_what_was_typed(
    reception: Reception,
) -> None:
    answer = _post(reception, data={"field.topic": ["weather"], "field.city": "<b>Chiba"})
    assert answer.status_code == 422
    assert "has no option" in answer.text
    assert 'value="&lt;b&gt;Chiba"' in answer.text
    assert reception.notices() == []


def test_a_form_leads_to_its_page_and_nowhere_else(reception: Reception, town: Website) -> None:
    answer = _post(reception, "leading", data={"next": "https://evil.example"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{town.origin}/thanks"
    page = httpx.get(f"{reception.form}/leading")
    assert f"form-action 'self' {town.origin};" in page.headers["content-security-policy"]


def test_frames_are_for_the_newsletters_websites_alone(reception: Reception, town: Website) -> None:
    policies = [
        httpx.get(f"{reception.form}/fair{query}").headers["content-security-policy"]
        for query in ("?frame=1", "")
    ]
    assert f"frame-ancestors 'self' {town.origin};" in policies[0]
    assert "frame-ancestors 'none'" in policies[1]


def test_scripts_are_for_the_newsletters_websites_alone(
    reception: Reception, town: Website
) -> None:
    for origin, status, shared in (
        (town.origin, 200, town.origin),
        ("https://evil.example", 403, None),
        ("null", 403, None),
    ):
        headers = {"Origin": origin, "Accept": "application/json"}
        shown = httpx.get(f"{reception.form}/fair/embed", headers=headers)
        sent = _post(reception, headers=headers, data={"email": f"{status}@example.jp"})
        for answer in (shown, sent):
            assert answer.status_code == status
            assert answer.headers.get("access-control-allow-origin") == shared
        challenge = httpx.get(f"{reception.form}/challenge", headers=headers)
        assert challenge.headers.get("access-control-allow-origin") == shared
    assert len(reception.notices()) == 1


@each_database
@pytest.mark.usefixtures("town")
def test_shown_counts_pages_and_frames_but_no_preview(reception: Reception) -> None:
    for query in ("", "?frame=1", "?frame=1&preview=1"):
        httpx.get(f"{reception.form}/fair{query}")
    httpx.head(f"{reception.form}/fair")
    with reading(reception.stage.engine) as session:
        figures = conversions(session, reception.stage.newsletter_id)
    assert [figure.shown for figure in figures.values()] == [2]


@each_database
def test_the_newsletters_own_form_counts_who_was_shown_it_and_who_sent_it(
    reception: Reception,
) -> None:
    httpx.get(reception.form)
    httpx.head(reception.form)
    a_minute_ago = int(time.time()) - 60
    stamp = reception.signer.sign(Purpose.FORM, reception.stage.newsletter_id, a_minute_ago)
    httpx.post(reception.form, data={"email": "a@example.jp", "shown": stamp})
    with reading(reception.stage.engine) as session:
        own = conversions(session, reception.stage.newsletter_id)[OWN]
    assert (own.shown, own.asked) == (1, 1)


@pytest.mark.usefixtures("town")
def test_what_is_sent_from_html_on_another_site_was_shown_there(reception: Reception) -> None:
    assert _post(reception).status_code == 200
    httpx.post(reception.link())
    with reading(reception.stage.engine) as session:
        (found,) = conversions(session, reception.stage.newsletter_id).values()
    assert (found.shown, found.asked, found.confirmed, found.rate) == (1, 1, 1, 100)


def test_what_must_be_filled_in_is_marked_wherever_the_form_stands(reception: Reception) -> None:
    form = JoinForm(slug="asks", fields=("earlier",), asks_name=True)
    with transaction(reception.stage.engine) as session:
        add_fields(
            session,
            reception.stage.newsletter_id,
            a_field("earlier", "yes_no", labels={"en": "Joined before"}, required=True),
        )
        add_form(session, COMMAND_LINE, reception.stage.newsletter_id, form)
        session.commit()
    path = f"{reception.form}/asks"
    embedded = httpx.get(f"{path}/embed", params={"lang": "en"}).json()["markup"]
    page = httpx.get(path, params={"lang": "en"}).text

    for shown in (embedded, page):
        labels = re.findall("<label[^>]*>([^<]*)(?:<span[^>]*>([^<]*))?", shown)
        marked = {" ".join("".join(label).split()) for label in labels}
        assert {"Email address (required)", "Name", "Joined before (required)"} <= marked
        assert '<option value="false">No' in tight(shown)  # that it must be answered is no yes


def test_the_consent_names_the_publisher_once(reception: Reception) -> None:
    def consent() -> str:
        shown = httpx.get(reception.form, params={"lang": "ja"}).text
        return str(re.findall('<p class="wording">([^<]*)', shown)[0])

    with transaction(reception.stage.engine) as session:
        row = session.get_one(NewsletterRow, reception.stage.newsletter_id)
        row.name, row.from_name = "広報みどり", "みどり市"
        session.commit()
    assert consent().startswith("「広報みどり」（みどり市 発行）をメールで")

    with transaction(reception.stage.engine) as session:
        session.get_one(NewsletterRow, reception.stage.newsletter_id).from_name = "広報みどり"
        session.commit()
    assert consent().startswith("「広報みどり」をメールで")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_way_of_embedding_works_on_another_website(
    reception: Reception, town: Website, browser: Browser
) -> None:
    context = browser.new_context(locale="en")
    page = context.new_page()
    # As HTML, twice on one page: the labels of each lead into its own fields.
    shown = httpx.get(f"{reception.form}/fair/embed", params={"lang": "en"}).json()["markup"]
    assert " id=" not in shown
    assert [line for line in shown.splitlines() if not line.strip()] == []
    plain = re.sub(r' data-challenge="[^"]*"', "", shown)
    town.body = f"<div class=one>{plain}</div><div class=two>{plain}</div>"
    page.goto(town.origin)
    places = [each.bounding_box() for each in page.locator(".one label:not(fieldset *)").all()]
    assert len({place["y"] for place in places if place}) == len(places) > 1
    second = page.locator(".two")
    second.get_by_label("Email address").press_sequentially("html@example.jp", delay=120)
    second.get_by_label("City").fill("Chiba")
    expect(page.locator(".one").get_by_label("City")).to_have_value("")
    second.get_by_role("button").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    assert reception.state("html@example.jp") is SubscriptionState.PENDING

    # In a frame.
    town.body = f'<iframe src="{reception.form}/fair?frame=1" width=400 height=800></iframe>'
    page.goto(town.origin)
    frame = page.frame_locator("iframe")
    frame.get_by_label("Email address").press_sequentially("frame@example.jp", delay=120)
    frame.locator('[value="文化"]').check()
    frame.get_by_role("button").click()
    expect(frame.get_by_role("heading", name="Check your mail")).to_be_visible()
    assert reception.state("frame@example.jp") is SubscriptionState.PENDING

    # By script: a mistake is told in place, then the form is taken with its proof of work.
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    town.body = (
        f'<script src="{reception.url}/static/join.js" data-form="digest/fair" async></script>'
    )
    page.goto(town.origin)
    page.get_by_label("Email address").press_sequentially("script@yopmail.com", delay=110)
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("for a short time only")
    page.get_by_label("Email address").fill("script@gmai.com")
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("Did you mean script@gmail.com?")
    page.get_by_label("City").fill("Chiba")
    page.locator('[value="防災"]').check()
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("We have sent an email to script@gmai.com")
    assert "altcha=ey" in (sent.value.request.post_data or "")
    assert failures == []
    httpx.post(reception.link())
    assert _known(reception, "script@gmai.com") == {"city": "Chiba", "topic": ["防災"]}
    context.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("town")
def test_where_a_script_may_not_show_the_form_readers_are_led_to_it(
    reception: Reception, browser: Browser
) -> None:
    page = browser.new_page()
    failures: list[str] = []
    told: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda line: told.append(line.text))
    with website() as unlisted:
        unlisted.body = (
            f'<script src="{reception.url}/static/join.js" data-form="digest/fair" async></script>'
        )
        page.goto(unlisted.origin)
        link = page.get_by_role("link")
        expect(link).to_have_attribute("href", f"{reception.form}/fair")
        expect(link).to_have_text(f"{reception.form}/fair")
        assert failures == []
        assert any("The form digest/fair is not shown" in line for line in told)
    page.close()


def _enter(sign_in: SignIn, role: Role) -> httpx.Client:
    return sign_in(f"{role.value}@example.jp", role)


@each_database
def test_an_operator_makes_changes_and_deletes_a_form(stage: Stage, sign_in: SignIn) -> None:
    set_fields(stage.engine, stage.newsletter_id, *ALL)
    client = _enter(sign_in, Role.OPERATOR)
    base = "/newsletters/digest/subscribers/forms"
    csrf = csrf_of(client.get(base).text)
    typed = {"csrf": csrf, "slug": "fair", "fields": ["city", "plan"], "tags": "a、b, c"}
    page = client.post(base, data=typed)
    assert page.url.path == f"{base}/fair"
    for snippet in ("frame=1", "join.js", "field.plan", "無料"):
        assert snippet in page.text
    again = client.post(base, data=typed)
    assert again.status_code == 400
    assert "already a form" in again.text
    wrong = client.post(f"{base}/fair", data={"csrf": csrf, "success_url": "https://evil.example"})
    assert (wrong.status_code, "not on one of" in wrong.text) == (400, True)
    client.post(f"{base}/fair", data={"csrf": csrf, "title": "秋まつり", "fields": "city"})
    shown = httpx.get(f"{client.base_url}/subscribe/digest/fair").text
    assert "秋まつり" in shown
    assert "field.plan" not in shown
    client.post(f"{base}/fair/delete", data={"csrf": csrf})
    assert httpx.get(f"{client.base_url}/subscribe/digest/fair").status_code == 404


@each_database
def test_what_is_asked_later_is_told_and_added_to_forms_that_were_made_before(
    stage: Stage, sign_in: SignIn
) -> None:
    client = _enter(sign_in, Role.ADMINISTRATOR)
    base, fields = "/newsletters/digest/subscribers/forms", "/newsletters/digest/fields"
    csrf = csrf_of(client.get(base).text)
    for slug in ("fair", "kids"):
        client.post(base, data={"csrf": csrf, "slug": slug})
    set_fields(stage.engine, stage.newsletter_id, TOPIC, CITY)
    told = "does not ask for “Topics of interest”"
    assert told in client.get(f"{base}/fair").text
    assert "does not ask for “City”" not in client.get(f"{base}/fair").text
    added = client.post(f"{base}/fair/ask", data={"csrf": csrf, "key": "topic"})
    assert "Saved." in added.text
    assert told not in added.text
    page = client.get(fields).text
    assert "Add it to this form" in page
    assert f"{base}/kids" in page
    assert "Add it to this form" in client.get(f"{fields}/topic").text
    page = client.post(f"{fields}/topic/forms", data={"csrf": csrf}).text
    assert "Add it to this form" not in page
    assert told not in client.get(f"{base}/kids").text
    for slug in ("fair", "kids"):
        assert "避難情報" in httpx.get(f"{client.base_url}/subscribe/digest/{slug}?lang=ja").text
    with reading(stage.engine) as session:
        events = session.scalars(
            select(AuditEventRow.object).where(AuditEventRow.action == Action.FORM_CHANGE.value)
        ).all()
    assert sorted(events) == ["form fair", "form kids"]


@each_database
@pytest.mark.usefixtures("stage")
def test_only_administrators_say_on_which_websites_forms_stand(sign_in: SignIn) -> None:
    base = "/newsletters/digest/subscribers/forms"
    typed = {"sites": "www.example.jp\r\nhttps://b.example.jp/x"}
    operator = _enter(sign_in, Role.OPERATOR)
    csrf = {"csrf": csrf_of(operator.get(base).text)}
    assert operator.post(f"{base}/sites", data=typed | csrf).status_code == 403
    administrator = _enter(sign_in, Role.ADMINISTRATOR)
    csrf = {"csrf": csrf_of(administrator.get(base).text)}
    page = administrator.post(f"{base}/sites", data=typed | csrf)
    assert "https://b.example.jp\nhttps://www.example.jp" in page.text
    editor = _enter(sign_in, Role.EDITOR)
    assert editor.get(base).status_code == 403


@pytest.mark.usefixtures("stage")
def test_a_sheet_to_print_leads_to_the_form_in_each_language(sign_in: SignIn) -> None:
    client = _enter(sign_in, Role.OPERATOR)
    sheet = "/newsletters/digest/subscribers/forms/sheet"
    for lang, words in (("ja", "コードを読み取り"), ("en", "Scan the code")):
        page = client.get(sheet, params={"lang": lang}).text
        assert words in page
        assert f"{client.base_url}/subscribe/digest".rstrip("/") in page
        assert 'src="data:image/svg+xml' in page
        assert "join+digest@example.jp" not in page
        assert "address (PUBLIC_URL)" in page or "アドレス（PUBLIC_URL）" in page
    assert client.get(sheet, params={"form": "none"}).status_code == 404
