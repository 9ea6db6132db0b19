"""Where commands run that are told nothing: a folder of their own, and the database within it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from newsletter.settings import Settings


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run commands in, without any setting of the environment."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


@pytest.fixture
def own_database(own_folder: Path, _sqlite_template: Path) -> Path:
    """The database that commands open where no setting names one; migrated, and empty."""
    path = own_folder / Settings(_env_file=None).data_dir / "newsletter.sqlite3"
    path.parent.mkdir()
    shutil.copy(_sqlite_template, path)
    return path
