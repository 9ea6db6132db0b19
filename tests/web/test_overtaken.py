"""The same thing done twice at once: on PostgreSQL both find that it is not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import FastAPI, UploadFile
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DraftRow
from newsletter.database.vocabulary import Role
from newsletter.issues.drafts.saving import open_issue
from newsletter.web.routing import Router
from subscribers.segments.saved import save_segment
from tests.support.databases import on_one_database
from tests.support.locks import await_lock
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of

pytestmark = on_one_database("postgresql")


@pytest.fixture
def editor(sign_in: SignIn) -> httpx.Client:
    client = sign_in("root@example.jp", Role.ADMINISTRATOR)
    client.follow_redirects = False
    return client


def _overtaken(
    engine: Engine, first: Callable[[Session], object], second: Callable[[], httpx.Response]
) -> httpx.Response:
    """Return the answer to a request that waited for what the first one did, and came too late."""
    with ThreadPoolExecutor(1) as thread:
        with transaction(engine) as session:
            first(session)
            session.flush()
            running = thread.submit(second)
            await_lock(engine, running)
            assert not running.done()
        return running.result(timeout=60)


def test_whoever_opens_an_issue_at_once_with_another_comes_to_the_same_draft(
    stage: Stage, issue_id: int, editor: httpx.Client
) -> None:
    csrf = csrf_of(editor.get("/account").text)
    answer = _overtaken(
        stage.engine,
        lambda session: open_issue(session, stage.newsletter_id, stage.issue, author="a"),
        lambda: editor.post(f"/newsletters/digest/issues/{issue_id}/open", data={"csrf": csrf}),
    )
    with reading(stage.engine) as session:
        draft = session.scalars(select(DraftRow.id)).one()
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/newsletters/digest/drafts/{draft}",
    )


def test_a_file_is_read_again(engine: Engine) -> None:
    app, router, answers = FastAPI(), Router(), iter(["lost", "kept"])

    @router.post("/")
    def take(file: UploadFile) -> str:
        size = len(file.file.read())
        with transaction(engine) as session:
            if next(answers) == "lost":
                session.execute(text("DO $$ BEGIN RAISE unique_violation; END $$"))
        return f"{size} octets"

    app.include_router(router)

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post("/", files={"file": ("a.txt", b"words")})

    # Not in this thread, in which a browser may have its own loop.
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(asyncio.run, send()).result()
    assert answer.json() == "5 octets"


def test_a_name_that_another_took_at_this_moment_is_taken(
    stage: Stage, editor: httpx.Client
) -> None:
    csrf = csrf_of(editor.get("/account").text)
    query = 'tag = "press"'
    answer = _overtaken(
        stage.engine,
        lambda session: save_segment(session, stage.newsletter_id, name="press", query=query),
        lambda: editor.post(
            "/newsletters/digest/subscribers/segments",
            data={"csrf": csrf, "name": "press", "query": query},
        ),
    )
    assert answer.status_code == 400
