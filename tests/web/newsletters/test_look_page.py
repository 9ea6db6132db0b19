"""A look is chosen and changed in the browser, by forms alone, and by command."""

from __future__ import annotations

import html
import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, NewsletterRow
from newsletter.database.vocabulary import Role
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.newsletters.look.designs import find_design
from newsletter.newsletters.look.model import Look, look_of, look_to_json
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from newsletter.rendering.colours import ratio
from newsletter.web.newsletters.look_form import LookForm
from tests.support.commands import run_command
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of, tight

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
_LOOK = "/newsletters/digest/look"


def _kept(stage: Stage) -> Look:
    with reading(stage.engine) as session:
        row = session.get_one(NewsletterRow, stage.newsletter_id)
        return look_of(row)


def _form(look: Look = Look(), **typed: str) -> dict[str, str]:  # noqa: B008 - frozen
    shown = LookForm.of(look).model_dump()
    fields = {name: "1" if value is True else value for name, value in shown.items() if value}
    return fields | typed


def _logo() -> bytes:
    output = BytesIO()
    picture = Image.new("RGBA", (300, 100), (0, 0, 0, 0))
    picture.paste((200, 16, 46, 255), (20, 20, 280, 80))
    picture.save(output, "PNG")
    return output.getvalue()


def test_a_look_is_saved_with_its_entry_in_the_audit_log(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_LOOK).text)
    typed = _form(
        accent="#7A1F2B",
        masthead="centred",
        tagline="毎週木曜",
        social="LINE https://line.me/machi\nhttps://www.youtube.com/@machi",
    )

    answer = client.post(_LOOK, data=typed | {"csrf": csrf})

    assert answer.status_code == 200
    look = _kept(stage)
    assert (look.palette.accent, look.masthead, look.tagline) == ("#7a1f2b", "centred", "毎週木曜")
    assert [(link.label, link.url) for link in look.social] == [
        ("LINE", "https://line.me/machi"),
        ("YouTube", "https://www.youtube.com/@machi"),
    ]
    with reading(stage.engine) as session:
        query = select(AuditEventRow).where(AuditEventRow.action == "newsletter.look")
        event = session.scalars(query).one()
    assert event.details["masthead"] == ["band", "centred"]
    assert "font" not in event.details


def test_what_cannot_be_read_is_not_saved_and_the_nearest_colour_is_told(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_LOOK).text)

    page = client.post(_LOOK, data=_form(link="#ffcc00", link_own="1", csrf=csrf))

    assert page.status_code == 400
    assert re.search(r'id="link-note".*?1\.\d:1.*?#[0-9a-f]{6}', page.text)
    assert _kept(stage) == Look()


def test_buttons_work_by_forms_alone(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_LOOK).text)

    page = client.post(_LOOK, data=_form(tagline="残る", csrf=csrf, verb="design:museum")).text
    assert 'value="#7a1f2b"' in page
    assert 'value="残る"' in page
    mail = client.post(f"{_LOOK}/preview", data=_form(accent="#123456", csrf=csrf))
    assert "#123456" in mail.text
    assert "script-src" not in mail.headers["content-security-policy"]
    assert _kept(stage) == Look()


def test_a_logo_asks_for_its_words_and_is_shown_where_the_look_is(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_LOOK).text)
    file = {"logo_file": ("logo.png", _logo(), "image/png")}

    refused = client.post(_LOOK, data=_form(csrf=csrf, verb="upload"), files=file)
    taken = client.post(_LOOK, data=_form(csrf=csrf, logo_alt="例町"), files=file)

    assert refused.status_code == 400
    assert taken.status_code == 200
    logo = _kept(stage).logo
    assert logo is not None
    assert (logo.alt, logo.width) == ("例町", 160)
    assert ratio(logo.ink, "#c8102e") < 1.05
    assert f'src="{logo.path}" alt="例町"' in tight(client.get("/subscribe/digest").text)
    assert f'src="{logo.url}" alt="例町"' in client.get(f"{_LOOK}/mail").text


def test_a_picture_that_is_not_kept_here_is_refused(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_LOOK).text)
    elsewhere = f"https://other.example/images/{'0' * 64}-100w.png"

    page = client.post(
        _LOOK, data=_form(csrf=csrf, logo_url=elsewhere, logo_alt="x", logo_width="100")
    )

    assert page.status_code == 400
    assert _kept(stage) == Look()


def test_a_look_goes_from_one_place_to_another_as_a_file(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_LOOK).text)
    file = {
        "file": (
            "look.json",
            json.dumps(look_to_json(find_design("events").look)),
            "application/json",
        )
    }

    page = client.post(f"{_LOOK}/import", data={"csrf": csrf}, files=file).text

    assert 'value="#6b2fa0"' in page
    assert "Not saved yet" in page
    # Without scripts the preview shows what was chosen, too.
    shown = client.get(
        html.unescape(re.findall(r'id="preview".*? src="([^"]+)"', tight(page))[0])
    ).text
    assert "#6b2fa0" in shown
    assert _kept(stage) == Look()
    assert client.get(f"{_LOOK}/export").json()["design"] == "standard"


def test_who_saves_second_is_told_and_may_replace(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_LOOK).text)
    mine = _form(accent="#0a5c36", csrf=csrf)
    client.post(_LOOK, data=_form(accent="#7a1f2b", csrf=csrf))

    told = client.post(_LOOK, data=mine)

    assert told.status_code == 409
    assert 'value="#0a5c36"' in told.text
    assert _kept(stage).palette.accent == "#7a1f2b"
    again = re.search(r'name="began" value="(\w+)"', told.text)
    assert again is not None
    assert client.post(_LOOK, data=mine | {"began": again[1]}).status_code == 200
    assert _kept(stage).palette.accent == "#0a5c36"


def test_only_administrators_change_a_look(sign_in: SignIn, stage: Stage) -> None:
    client = sign_in("editor@example.jp", Role.EDITOR)
    assert client.get(_LOOK).status_code == 403
    assert client.post(_LOOK, data=_form(accent="#123456")).status_code == 403
    assert _kept(stage) == Look()


def test_a_command_changes_a_look_by_the_same_rule(
    stage: Stage, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SECRET_KEYS", "k" * 40)

    done = run_command(["look", "set", "design=museum", "radius=6", "tagline=毎月"])
    assert done.exit_code == 0, done.output
    look = _kept(stage)
    assert (look.design, look.radius, look.tagline) == ("museum", 6, "毎月")
    shown = json.loads(run_command(["look", "show", "--json"]).stdout)
    assert shown["palette"]["accent"] == "#7a1f2b"
    refused = run_command(["look", "set", "link=#ffcc00"])
    assert refused.exit_code != 0
    assert "4.5" in str(refused.exception)
    assert _kept(stage) == look


def test_a_story_of_choosing_changing_seeing_and_publishing(
    stage: Stage, sign_in: SignIn, site: str, browser: Browser
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    context = browser.new_context()
    context.add_cookies([{"name": n, "value": v, "url": site} for n, v in client.cookies.items()])
    page = context.new_page()
    page.goto(site + _LOOK)
    mail = page.frame_locator("#preview")
    expect(mail.locator(".title")).to_be_visible()

    # On a tablet the mail is drawn smaller, beside the settings, and not as on a telephone.
    page.set_viewport_size({"width": 900, "height": 800})
    page.wait_for_function("document.getElementById('preview').contentWindow.innerWidth > 640")
    beside, colours = (page.locator(each).bounding_box() for each in ("#preview", "#accent"))
    assert beside is not None
    assert colours is not None
    assert beside["x"] > colours["x"] + colours["width"]

    page.click('button[value="design:museum"]')
    expect(mail.locator(".title")).to_have_css("text-align", "center")
    page.fill("#accent", "#0a5c36")
    expect(mail.locator("h2.chapter").first).to_have_css("color", "rgb(10, 92, 54)")
    page.click("#undo")
    expect(mail.locator("h2.chapter").first).to_have_css("color", "rgb(122, 31, 43)")
    page.click("#redo")
    expect(mail.locator("h2.chapter").first).to_have_css("color", "rgb(10, 92, 54)")
    page.click('.save-bar button[value="save"]')
    expect(page.locator(".notice.good")).to_be_visible()
    stage.subscribe("a@example.jp")
    plan_mailing(stage.engine, stage.mail())

    page.goto(f"{site}/archive/digest/{stage.issue}")
    expect(page.locator("h2.chapter").first).to_have_css("color", "rgb(10, 92, 54)")
    page.goto(f"{site}/subscribe/digest")
    expect(page.locator("main button")).to_have_css("background-color", "rgb(10, 92, 54)")
    context.close()


def test_a_newsletter_without_issues_is_shown_under_its_own_name(
    stage: Stage, sign_in: SignIn
) -> None:
    weekly = NewsletterDraft(
        slug="weekly", name="週刊 図書館", from_address="w@example.jp", postal_address="東京都"
    )
    with transaction(stage.engine) as session:
        create_newsletter(session, weekly)
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    mail = client.get("/newsletters/weekly/look/mail").text
    assert "週刊 図書館" in mail
    assert "まちのデジタル便り" not in mail


def test_whoever_saves_a_look_stays_where_they_were(
    stage: Stage, sign_in: SignIn, browser: Browser
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    site = str(client.base_url).rstrip("/")
    context = browser.new_context(locale="en", viewport={"width": 1280, "height": 600})
    context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": site} for one in client.cookies.jar]
    )
    page = context.new_page()
    page.goto(site + _LOOK)
    page.get_by_label("Line below the name").fill("毎週木曜")
    place = page.evaluate("scrollY")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#look-state")).to_have_text("Saved")
    assert place > 0
    assert page.evaluate("scrollY") == place
    context.close()
    assert _kept(stage).tagline == "毎週木曜"


def _opened(sign_in: SignIn, browser: Browser) -> Page:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    site = str(client.base_url).rstrip("/")
    page = browser.new_context(locale="en").new_page()
    page.context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": site} for one in client.cookies.jar]
    )
    page.goto(site + _LOOK)
    return page


def test_a_picture_without_words_asks_for_them_and_stays_chosen(
    stage: Stage, sign_in: SignIn, browser: Browser
) -> None:
    """No browser gives a chosen file back to a page that is loaded anew."""
    page = _opened(sign_in, browser)
    logo = page.get_by_role("group", name="Logo")
    logo.get_by_label("File").set_input_files(
        {"name": "logo.png", "mimeType": "image/png", "buffer": _logo()}
    )
    expect(page.locator("#look-state")).to_have_text("Not saved yet")

    page.get_by_role("button", name="Save", exact=True).click()

    words = logo.get_by_label("Alternative text")
    expect(words).to_be_focused()
    assert page.locator("#logo_file").evaluate("field => field.files.length") == 1
    words.fill("例町")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#look-state")).to_have_text("Saved")
    kept = _kept(stage).logo
    assert kept is not None
    assert kept.alt == "例町"
    page.context.close()


def test_what_is_wrong_with_a_picture_stays_at_its_field(
    stage: Stage, sign_in: SignIn, browser: Browser
) -> None:
    assert stage.newsletter_id
    page = _opened(sign_in, browser)
    header = page.get_by_role("group", name="Header picture")
    header.get_by_label("File").set_input_files(
        {"name": "header.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    header.get_by_label("Alternative text").fill("庁舎")
    header.get_by_role("button", name="Upload").click()
    page.locator(".notice.bad").wait_for()

    with page.expect_response("**/look/preview"):
        page.get_by_label("Line below the name").fill("毎週木曜")

    expect(header.locator(".error")).to_contain_text("cannot be read")
    page.context.close()


def test_the_first_header_picture_is_shown_at_once(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_LOOK).text)
    file = {"header_file": ("header.png", _logo(), "image/png")}

    client.post(_LOOK, data=_form(csrf=csrf, header_alt="庁舎"), files=file)

    look = _kept(stage)
    assert look.header is not None
    assert look.masthead == "picture"


@pytest.mark.parametrize("name", ["Logo", "Header picture"])
def test_a_chosen_picture_is_shown_in_the_mail_before_it_is_sent(
    stage: Stage, sign_in: SignIn, browser: Browser, name: str
) -> None:
    page = _opened(sign_in, browser)
    chosen = page.get_by_role("group", name=name)

    chosen.get_by_label("File").set_input_files(
        {"name": "picture.png", "mimeType": "image/png", "buffer": _logo()}
    )

    shown = page.frame_locator("#preview").locator('img[src^="data:image/png"]')
    expect(shown).to_be_visible()
    assert shown.evaluate("each => each.naturalWidth") == 300
    look = _kept(stage)
    assert (look.logo, look.header) == (None, None)
    chosen.get_by_label("File").set_input_files([])
    expect(shown).to_have_count(0)
    page.context.close()
