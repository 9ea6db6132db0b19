"""An issue's language where its text names none."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DraftRow, NewsletterRow
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from newsletter.issues.drafts.saving import get_draft
from newsletter.web.issues.submission import EditorForm
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
_TEXT = "---\ntitle: News\ndate: 2026-12-01\n---\n\nGood morning.\n"


def test_a_text_that_names_no_language_gets_that_of_the_newsletter_and_keeps_it(
    stage: Stage, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(language=Language.ENGLISH))
    editor = sign_in("editor@example.jp", Role.EDITOR)
    csrf = csrf_of(editor.get("/newsletters/digest/issues/new").text)
    begun = editor.post("/newsletters/digest/issues/import", data={"csrf": csrf, "text": _TEXT})
    assert "/drafts/" in begun.url.path
    with reading(stage.engine) as session:
        draft = get_draft(session, stage.newsletter_id, session.scalars(select(DraftRow.id)).one())
    assert draft.issue.language is Language.ENGLISH
    # Somebody with a Japanese page takes the line of the language out of the Markdown.
    rewritten, _ = EditorForm(text=_TEXT, revision=draft.revision).read(draft, Language.JAPANESE)
    assert rewritten.language is Language.ENGLISH
