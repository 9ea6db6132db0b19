"""A list comes in by the wizard, is segmented by clicking, and goes out as it came in."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from tests.stories.house import House

_TOWNS = ("青葉町", "みどり市", "浜風市")
_NAMES = ("髙橋 花子", "渡邉 太郎", "﨑山 結", "森 鴎外", "", "㈱斎藤")


def test_a_list_comes_in_is_segmented_by_clicking_and_comes_out_as_it_was(
    house: House, browser: Browser, tmp_path: Path
) -> None:
    page = browser.new_context(
        locale="en", viewport={"width": 1280, "height": 900}, accept_downloads=True
    ).new_page()
    house.become_member(page, _invited(house, "kurashi", "kansoku"), name="Clerk")
    brought = tmp_path / "会員.csv"
    brought.write_bytes(_list().encode("cp932"))

    _import(page, f"{house.url}/newsletters/kurashi/subscribers", brought, new_field="市区町村")
    expect(page.locator("dd").nth(1)).to_have_text("240")

    people = f"{house.url}/newsletters/kurashi/subscribers"
    page.goto(people)
    page.get_by_label("Address, name or field").fill("鴎外")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("main")).to_contain_text("member003@example.jp")

    page.goto(f"{house.url}/newsletters/kurashi/segments/new")
    page.get_by_label("What is asked about").select_option(label="市区町村")
    page.get_by_label("Value").fill("青葉町")
    expect(page.locator(".segment-count")).to_have_text("80 subscribers")
    page.get_by_label("Name").fill("aoba")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="aoba")).to_be_visible()

    first = _exported(page, people, tmp_path / "first.csv")
    other = f"{house.url}/newsletters/kansoku/subscribers"
    _import(page, other, first)
    second = _exported(page, other, tmp_path / "second.csv")
    assert _rows(second) == _rows(first)
    assert len(_rows(first)) == 241


def _invited(house: House, *slugs: str) -> str:
    """Make newsletters that share nobody; return the link of their administrator."""
    with transaction(house.engine) as session:
        grants = []
        for slug in slugs:
            newsletter = create_newsletter(
                session,
                NewsletterDraft(
                    slug=slug,
                    name=f"便り {slug}",
                    from_name="町役場",
                    from_address=f"{slug}@example.jp",
                    postal_address="〒100-0000 東京都千代田区例町1-2-3",
                ),
            )
            grants.append(Grant(role=Role.ADMINISTRATOR, newsletter_id=newsletter.id))
        token = invite(
            session,
            COMMAND_LINE,
            address="clerk@example.jp",
            grants=grants,
            language=Language.ENGLISH,
        )
    return f"{house.url}/welcome/{token}"


def _list() -> str:
    """Return a list as a spreadsheet of a town hall has it."""
    lines = ["メールアドレス,氏名,市区町村"]
    lines += [
        f"member{at:03}@example.jp,{_NAMES[at % len(_NAMES)]},{_TOWNS[at % len(_TOWNS)]}"
        for at in range(240)
    ]
    return "\r\n".join(lines) + "\r\n"


def _import(page: Page, people: str, file: Path, *, new_field: str = "") -> None:
    page.goto(f"{people}/import")
    page.get_by_label("The list", exact=True).set_input_files(file)
    page.get_by_role("button", name="Next").click()
    if new_field:
        page.get_by_label(new_field).select_option("+")
    page.get_by_label("Basis of consent").fill("town hall 2026")
    page.get_by_role("button", name="Check the import").click()
    expect(page.locator("main")).to_contain_text("nothing has been imported yet")
    page.get_by_role("button", name="Import 240 rows").click()
    expect(page.get_by_role("link", name="See the subscribers")).to_be_visible(timeout=60_000)


def _exported(page: Page, people: str, file: Path) -> Path:
    page.goto(people)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export for another system").click()
    download.value.save_as(file)
    return file


def _rows(file: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.read_bytes().decode("utf-8-sig"))))
