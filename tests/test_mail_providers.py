"""Which domains look like a slip for a well-known one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.addresses import parse_address
from newsletter.errors import ListError
from newsletter.mail_providers import meant_domain, providers
from subscribers.forms.domains import DomainRules


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co.jp", "gmail.com"),
        ("yaho.co.jp", "yahoo.co.jp"),
        ("yahoo.co.jo", "yahoo.co.jp"),
        ("docomo.co.jp", "docomo.ne.jp"),
        ("docmo.ne.jp", "docomo.ne.jp"),
        ("iclould.com", "icloud.com"),
        ("hotmial.com", "hotmail.com"),
        ("outlok.jp", "outlook.jp"),
        ("softbsnk.ne.jp", "softbank.ne.jp"),
    ],
)
def test_a_slip_leads_to_the_domain_that_was_meant(typed: str, meant: str) -> None:
    assert meant_domain(typed) == meant


@pytest.mark.parametrize(
    "domain",
    ["gmail.com", "mail.com", "ymail.com", "yahoo.ne.jp", "tcn.ne.jp", "city.aoba.lg.jp", "a.jp"],
)
def test_whoever_else_runs_a_domain_is_not_asked(domain: str) -> None:
    assert not meant_domain(domain)


@given(st.integers(0, 8), st.sampled_from("abcxyz0-"), st.sampled_from(["", "out", "twice"]))
def test_each_single_slip_is_seen(place: int, letter: str, kind: str) -> None:
    name = "gmail.com"
    before, after = name[:place], name[place + 1 :]
    typed = {
        "": before + letter + after,
        "out": before + after,
        "twice": before + letter + name[place:],
    }[kind]
    assert meant_domain(typed) == ("" if typed in providers() else "gmail.com")


def test_a_domain_that_is_allowed_is_not_asked_about() -> None:
    address = parse_address("mori@gmial.com")
    with pytest.raises(ListError, match=r"mori@gmail\.com"):
        DomainRules().question_mistyped(address)
    DomainRules(allowed={"gmial.com"}).question_mistyped(address)


@pytest.mark.parametrize("typed", ["mori@gmail.con", "mori@gmail"])
def test_what_is_no_address_is_told_with_the_one_that_was_meant(typed: str) -> None:
    with pytest.raises(ListError, match=r"Did you mean mori@gmail\.com\?"):
        parse_address(typed)
