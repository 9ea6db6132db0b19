"""Commands that run in the test's own process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typer.testing import CliRunner, Result

from newsletter.cli.main import app
from newsletter.cli.usage import narrowed


def run_command(
    words: Sequence[str],
    *,
    typed: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> Result:
    """Run ``newsletter`` with these words, and return what it printed and how it ended.

    As in the terminal, of the command line only what the words name is built: all of it takes a
    hundred times as long as most commands do.
    """
    return CliRunner().invoke(narrowed(app, words), words, input=typed, env=env)
