"""What a production install holds: the packages of requirements/runtime.lock, no tool of ours."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==", re.MULTILINE)

#: Refuses what only development installs, then does what every process of production does first.
_REHEARSAL = """
import importlib, pkgutil, sys
from importlib.abc import MetaPathFinder

class Refusal(MetaPathFinder):
    names = frozenset(sys.argv[1].split(","))
    def find_spec(self, name, path=None, target=None):
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r} in production", name=name)

sys.meta_path.insert(0, Refusal())
import newsletter, subscribers, workers
for package in (newsletter, subscribers, workers):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith((".__main__", ".migrations.env")):
            importlib.import_module(module.name)
from newsletter.settings import Settings
from workers.app import create_celery
create_celery(Settings(redis_url="redis://127.0.0.1:1/0")).connection_for_write().transport
import psycopg
"""


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _only_for_development() -> list[str]:
    lock = (_ROOT / "requirements/runtime.lock").read_text(encoding="utf-8")
    locked = {_normalised(name) for name in _LOCKED.findall(lock)} | {"newsletter"}
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if module.isidentifier() and locked.isdisjoint(map(_normalised, owners))
    )


@pytest.mark.servers
def test_every_module_and_the_broker_work_with_the_runtime_lock_alone() -> None:
    refused = _only_for_development()
    assert "pytest" in refused

    rehearsal = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _REHEARSAL, ",".join(refused)],
        capture_output=True,
        text=True,
        check=False,
        cwd=_ROOT,
    )

    assert rehearsal.returncode == 0, rehearsal.stderr


@pytest.mark.parametrize("name", ["runtime.lock", "dev.lock"])
def test_every_locked_package_is_pinned_by_hash_and_names_no_registry(name: str) -> None:
    lock = (_ROOT / "requirements" / name).read_text(encoding="utf-8")

    assert lock.count("==") <= lock.count("--hash=sha256:")
    assert "://" not in lock
