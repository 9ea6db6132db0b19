"""What a worker process holds that sends by a relay which takes everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.smtp import SmtpServer
from tests.support.worker import worker
from workers.composition import WorkerServices


@pytest.fixture
def services(
    database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> Iterator[WorkerServices]:
    with worker(database_url, f"{smtp_server.url}?connections=2", tmp_path / "data") as built:
        yield built
