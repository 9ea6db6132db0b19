"""The audit log's actions have names for people, every one of them."""

from __future__ import annotations

from newsletter.accounts.audit import Action
from newsletter.web.audit_wording import ACTION_NAMES


def test_every_action_of_the_audit_log_has_a_name() -> None:
    assert set(ACTION_NAMES) == set(Action)
