"""How passwords are kept; other tests keep theirs with less work (tests/conftest.py)."""

from __future__ import annotations

import subprocess
import sys

import pytest
from argon2 import Type, extract_parameters

_HASH = "from newsletter.accounts.passwords import *; print(hash_password('four words, long'))"


@pytest.mark.servers
def test_a_password_is_kept_in_the_second_strength_that_rfc_9106_recommends() -> None:
    kept = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _HASH], capture_output=True, text=True, check=True
    ).stdout.strip()
    known = extract_parameters(kept)
    assert known.type is Type.ID
    assert (known.time_cost, known.memory_cost, known.parallelism) == (3, 64 * 1024, 4)
    assert (known.salt_len, known.hash_len) == (16, 32)
