"""The place in the archive on the pages of an issue that is still written."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DraftRow, NewsletterRow
from newsletter.database.vocabulary import Archived, Role, Visibility
from newsletter.issues.drafts.saving import open_issue
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of, tight

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _chosen(page: httpx.Response) -> str:
    form = re.findall(r'<select id="archive-place".*?</select>', page.text, re.DOTALL)[0]
    return str(re.findall(r'value="(\w*)" selected', form)[0])


def test_it_is_chosen_beside_the_text_and_named_before_sending(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    stage.subscribe("a@example.jp")
    with transaction(stage.engine) as session:
        draft = open_issue(session, stage.newsletter_id, stage.issue, author="葵").id
    client = sign_in("editor@example.jp", Role.EDITOR)
    here = f"/newsletters/digest/drafts/{draft}"
    page = client.get(here)
    assert _chosen(page) == ""
    send = f"/newsletters/digest/issues/{issue_id}/send"
    assert "<dt>Archive</dt><dd>Listed" in tight(client.get(f"{send}/confirm").text)
    by_rule = client.get(f"{send}/confirm", params={"segment": 'domain = "example.jp"'})
    assert "as it goes to a segment" in by_rule.text

    placed = client.post(f"{here}/archive", data={"csrf": csrf_of(page.text), "place": "unlisted"})
    assert "The place in the archive is saved." in placed.text
    assert (_chosen(placed), _chosen(client.get(send))) == ("unlisted", "unlisted")
    assert "<dt>Archive</dt><dd>Unlisted" in tight(client.get(f"{send}/confirm").text)
    with reading(stage.engine) as session:
        assert session.scalars(select(DraftRow.archived)).one() is Archived.UNLISTED


def test_where_there_is_no_archive_nothing_is_chosen(stage: Stage, sign_in: SignIn) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(visibility=Visibility.PRIVATE))
        draft = open_issue(session, stage.newsletter_id, stage.issue, author="葵").id
    page = sign_in("editor@example.jp", Role.EDITOR).get(f"/newsletters/digest/drafts/{draft}")
    assert "archive-place" not in page.text
