"""The servers that a command starts by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.cli.embedded import supervised, valkey_url
from tests.support.ports import free_port


@pytest.mark.servers
def test_valkey_starts_under_a_language_that_the_machine_does_not_have(tmp_path: Path) -> None:
    # Terminals send their LANG along, as ssh does, to machines where it was never installed.
    port = free_port()
    with supervised(tmp_path, {"LC_ALL": "xx_XX.UTF-8"}) as supervisor:
        supervisor.start_valkey(valkey_url(port))
