"""An administrator writes a template beside the last issue, and brings an earlier one back."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, Page, expect

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.roles import Grant
from newsletter.accounts.sessions import open_session
from newsletter.accounts.sign_in_limits import Browser as Known
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from tests.support.accessible import violations
from tests.web.conftest import PASSWORD
from tests.web.issues.desk import Desk

_FOREIGN = b"""<mjml>
<mj-body>
<mj-section><mj-column><mj-text>Hello *|FNAME|*</mj-text></mj-column></mj-section>
</mj-body>
</mjml>
"""


@pytest.fixture
def administrator(desk: Desk, window: Page) -> Page:
    with transaction(desk.engine) as session:
        grants = [Grant(role=Role.ADMINISTRATOR)]
        token = invite(session, COMMAND_LINE, address="admin@example.jp", grants=grants)
    with transaction(desk.engine) as session:
        account = accept(
            session, COMMAND_LINE, token, name="葵", password=PASSWORD, language=Language.ENGLISH
        )
        begun = open_session(session, account, Known(), verified=True)
    window.context.add_cookies([{"name": "session", "value": begun, "url": desk.url}])
    return window


def _write(page: Page, find: str, put: str) -> None:
    """Put one text in place of another in the editor of MJML."""
    content = page.get_by_label("MJML").and_(page.locator(".cm-content"))
    page.evaluate(
        """([find, put]) => {
          const host = document.querySelector('#body + .code-editor');
          const view = host.shadowRoot.querySelector('.cm-content').cmTile?.root?.view
            || host.shadowRoot.querySelector('.cm-content').cmView.rootView.view;
          const at = view.state.doc.toString().indexOf(find);
          view.dispatch({ changes: { from: at, to: at + find.length, insert: put } });
        }""",
        [find, put],
    )
    expect(content).to_be_visible()


def test_a_template_is_written_tried_saved_and_brought_back(
    desk: Desk, administrator: Page
) -> None:
    page = administrator
    here = f"{desk.url}/newsletters/digest/templates"
    page.goto(here)
    page.get_by_role("button", name="Open it in the editor").first.click()
    expect(page.get_by_text("This is how your last issue looks.")).to_be_visible(timeout=60_000)
    page.get_by_label("Name").fill("season")
    _write(page, "<mj-body", "<mj-boddy></mj-boddy><mj-body")
    expect(page.locator("#tried")).to_contain_text("MJML:5: MJML has no <mj-boddy>")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved.")
    _write(page, "<mj-boddy></mj-boddy>", "")
    expect(page.get_by_text("This is how your last issue looks.")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. Choose it in the settings")).to_be_visible()
    page.get_by_label("Subject").fill("便り {{ issue.title }}")
    page.get_by_role("button", name="Save").click()
    expect(page.locator('input[name="version"]')).to_have_value("2")

    page.get_by_role("link", name="Versions").click()
    expect(page.locator(".changes .added")).to_contain_text("便り {{ issue.title }}")
    expect(page.locator(".changes .place").first).to_have_text("  Subject")
    assert violations(page) == []
    page.get_by_role("button", name="Restore 1").click()
    expect(page.get_by_label("Subject")).to_have_value("{{ issue.title }}")

    page.goto(f"{desk.url}/newsletters/digest/settings")
    page.get_by_label("Template").select_option("own/season")
    with page.expect_navigation():
        page.get_by_role("button", name="Save").first.click()
    page.goto(here)
    expect(page.get_by_text("In use")).to_be_visible()


def test_mjml_from_elsewhere_opens_with_what_is_to_be_seen_to(
    desk: Desk, administrator: Page
) -> None:
    page = administrator
    page.goto(f"{desk.url}/newsletters/digest/templates")
    file = FilePayload(name="theirs.mjml", mimeType="text/plain", buffer=_FOREIGN)
    page.get_by_label("File in MJML").set_input_files(file)
    page.get_by_role("button", name="Open it in the editor").last.click()
    expect(page.get_by_text("“*|FNAME|*” is a sign of another system")).to_be_visible()
    expect(page.locator("#tried")).not_to_be_empty(timeout=60_000)


def test_templates_are_for_administrators_alone(desk: Desk, page: Page) -> None:
    answer = page.request.get(f"{desk.url}/newsletters/digest/templates")
    assert answer.status == 403
