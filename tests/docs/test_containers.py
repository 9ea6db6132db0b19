"""The containers are started as the settings and the command line have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from newsletter.cli.main import app
from newsletter.cli.running import _WORKER_STOP_SECONDS
from newsletter.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
_SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(
    (_ROOT / "docker-compose.yml").read_text(encoding="utf-8")
)["services"]
_OURS = {name: one for name, one in _SERVICES.items() if one["image"] == "newsletter"}


@pytest.mark.parametrize("name", _OURS)
def test_what_a_container_is_told_are_settings(name: str) -> None:
    told = {each.lower() for each in _OURS[name]["environment"]}
    assert told <= set(Settings.model_fields)


@pytest.mark.parametrize("name", _OURS)
def test_a_container_runs_a_command_that_there_is(name: str) -> None:
    commands: Any = get_command(app)
    program, command, *options = _OURS[name]["command"].split()
    assert program == "newsletter"
    params = commands.commands[command].params
    known = {words for param in params for words in (*param.opts, *param.secondary_opts)}
    assert set(options) <= known


def test_the_web_listens_where_its_port_leads_whatever_the_file_of_settings_says() -> None:
    web = _OURS["web"]
    (port,) = web["ports"]
    inside = port.rpartition(":")[2]
    assert str(web["environment"]["WEB_PORT"]) == inside
    assert f":{inside}/readyz" in web["healthcheck"]["test"][-1]


def test_a_worker_is_not_cut_short_while_it_gives_back_what_it_holds() -> None:
    assert int(_OURS["worker"]["stop_grace_period"].rstrip("s")) > _WORKER_STOP_SECONDS


@pytest.mark.parametrize("name", _SERVICES)
def test_no_log_of_a_container_fills_the_disk(name: str) -> None:
    assert _SERVICES[name]["logging"]["options"].keys() >= {"max-size", "max-file"}
