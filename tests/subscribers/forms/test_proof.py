"""Proof of work and the form's age: what holds, for which newsletter, and for how long."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from altcha import Challenge, Payload, solve_challenge
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.tokens import Purpose, TokenSigner
from subscribers.forms.proof import FormAge, ProofOfWork, age_of_form, stamp_form
from tests.support.examples import examples

SIGNER = TokenSigner([b"k" * 40])
WORK = ProofOfWork(SIGNER.keys_for("proof of work"))


def _solve(challenge: dict[str, Any]) -> str:
    made = Challenge.from_dict(challenge)
    solution = solve_challenge(made)
    assert solution is not None
    return Payload(challenge=made, solution=solution).to_base64()


@pytest.fixture(scope="module")
def solved() -> str:
    return _solve(WORK.challenge(7))


def test_a_solution_names_its_challenge(solved: str) -> None:
    nonce = Payload.from_base64(solved).challenge.parameters.nonce
    assert WORK.solved(7, solved) == nonce


def test_a_solution_is_for_one_newsletter(solved: str) -> None:
    assert WORK.solved(8, solved) == ""


def test_a_solution_holds_while_its_key_is_listed(solved: str) -> None:
    keys = SIGNER.keys_for("proof of work")
    assert ProofOfWork([b"new" * 11, *keys]).solved(7, solved)
    assert ProofOfWork([b"new" * 11]).solved(7, solved) == ""


def test_a_solution_holds_for_an_hour(solved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 3_700
    monkeypatch.setattr("time.time", lambda: later)
    assert WORK.solved(7, solved) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"cost": 1},
        {"data": {"newsletter": 8}},
        {"expiresAt": 4_000_000_000},
        {"keySignature": None},
        {"nonce": "00" * 16},
    ],
)
def test_a_challenge_that_was_changed_proves_nothing(solved: str, change: dict[str, Any]) -> None:
    content = json.loads(base64.b64decode(solved))
    content["challenge"]["parameters"] |= change
    changed = base64.b64encode(json.dumps(content).encode()).decode()
    assert WORK.solved(7, changed) == WORK.solved(8, changed) == ""


def test_work_that_was_not_done_proves_nothing() -> None:
    challenge = WORK.challenge(7)
    content = {"challenge": challenge, "solution": {"counter": 1, "derivedKey": "00" * 32}}
    assert WORK.solved(7, base64.b64encode(json.dumps(content).encode()).decode()) == ""


_KEYS = (
    "challenge solution parameters signature data nonce salt cost algorithm derivedKey counter"
    " keySignature expiresAt __proto__"
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS.split()), inner, max_size=9)
    ),
    max_leaves=30,
)


@settings(max_examples=examples(50))
@given(st.text() | _VALUES.map(lambda value: base64.b64encode(json.dumps(value).encode()).decode()))
def test_whatever_comes_is_read_without_an_error(text: str) -> None:
    assert WORK.solved(7, text) == ""


def _age(seconds: float, monkeypatch: pytest.MonkeyPatch) -> FormAge:
    stamp, shown = stamp_form(SIGNER, 7), time.time()
    monkeypatch.setattr("time.time", lambda: shown + seconds)
    return age_of_form(SIGNER, 7, stamp)


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (0, FormAge.TOO_YOUNG),
        (0.9, FormAge.TOO_YOUNG),
        (3, FormAge.USUAL),
        (86_000, FormAge.USUAL),
        (90_000, FormAge.TOO_OLD),
    ],
)
def test_the_time_a_form_was_shown_tells_its_age(
    seconds: float, age: FormAge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _age(seconds, monkeypatch) is age


def test_a_time_that_is_not_ours_tells_nothing() -> None:
    for stamp in (
        "",
        "x",
        SIGNER.sign(Purpose.CONFIRM, 7, 1),
        SIGNER.sign(Purpose.FORM, 7),
        stamp_form(SIGNER, 8),
        stamp_form(TokenSigner([b"other" * 8]), 7),
    ):
        assert age_of_form(SIGNER, 7, stamp) is FormAge.UNKNOWN
