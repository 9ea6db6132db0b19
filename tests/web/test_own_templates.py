"""Pages of an operator who has mail templates of their own, but no pages."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from tests.support.site import serving
from tests.support.stage import set_stage


@pytest.mark.servers
def test_mail_templates_of_one_s_own_leave_the_pages_as_they_are(
    engine: Engine, tmp_path: Path
) -> None:
    set_stage(engine)
    shipped = Settings(_env_file=None).templates_dir
    shutil.copytree(shipped / "email" / "letter", tmp_path / "templates" / "email" / "mine")
    with serving(
        engine,
        TokenSigner([b"k" * 40]),
        tmp_path,
        secret_keys=("k" * 40,),
        templates_dir=tmp_path / "templates",
    ) as url:
        answers = {
            path: httpx.get(f"{url}{path}") for path in ("/", "/subscribe/digest", "/sign-in")
        }
    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/": 200,
        "/subscribe/digest": 200,
        "/sign-in": 200,
    }
