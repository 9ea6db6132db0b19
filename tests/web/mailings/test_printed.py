"""What is printed for the file: a mailing's report and the sheet with the codes, on A4."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, ViewportSize, expect
from sqlalchemy import update

from newsletter.database.engine import transaction
from newsletter.database.tables import DeliveryRow
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, Role
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.stage import find_stage
from tests.web.issues.desk import Desk

pytestmark = pytest.mark.browser

_A4: ViewportSize = {"width": 680, "height": 980}


def _pages_of(page: Page) -> int:
    """Return on how many sheets of A4 a page is printed."""
    octets = page.pdf(format="A4", prefer_css_page_size=True)
    return len(re.findall(rb"/Type\s*/Page\b", octets))


def _open_report(desk: Desk, page: Page) -> None:
    stage = find_stage(desk.engine)
    stage.subscribe("a@example.jp", "b@example.jp")
    number = stage.mail()
    plan_mailing(stage.engine, number)
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED, settled_at=now()))
    page.goto(f"{desk.url}/newsletters/digest/mailings/{number}")


def test_a_report_is_printed_without_what_works_on_a_screen_alone(desk: Desk, page: Page) -> None:
    _open_report(desk, page)
    page.set_viewport_size(_A4)
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    page.emulate_media(media="print")
    shown = page.locator("nav, button, .button, form, .line, footer, .skip")
    assert [one for one in shown.all() if one.is_visible()] == []
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".print-only")).to_contain_text("Mailing report")
    expect(page.locator(".print-only time")).to_contain_text(re.compile(r"20\d\d"))
    # What is closed on the screen is read on paper.
    expect(page.get_by_text("The mail server took the email for delivery.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= _A4["width"]


def test_what_is_printed_is_dark_on_white_whatever_the_screen_is(desk: Desk, page: Page) -> None:
    _open_report(desk, page)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    colour = "getComputedStyle(document.querySelector('h1')).color"
    on_screen = page.evaluate(colour)
    page.emulate_media(media="print")
    assert page.evaluate(colour) == "rgb(31, 41, 51)" != on_screen


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_sheet_with_the_codes_fills_one_sheet_of_paper(
    desk: Desk, window: Page, lang: str
) -> None:
    desk.sign_in(window, "operator@example.jp", Role.OPERATOR)
    window.goto(f"{desk.url}/newsletters/digest/subscribers/forms/sheet?lang={lang}")
    assert _pages_of(window) == 1
    window.set_viewport_size(_A4)
    window.emulate_media(media="print")
    foot = window.locator(".imprint").bounding_box()
    code = window.locator("figure img").first.bounding_box()
    assert foot
    assert code
    assert foot["y"] > 0.8 * _A4["height"]
    assert code["width"] > _A4["width"] / 3
