"""Addresses: the real are taken, what can only be meant one way is mended, the broken refused."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.addresses import (
    Address,
    _mended,
    as_kept,
    as_read,
    meant_domain,
    parse_address,
    providers,
)
from newsletter.errors import ListError
from subscribers.forms.domains import DomainRules
from tests.support.examples import examples
from tests.support.growth import assert_linear

_LOCAL = st.text(alphabet="aZ09._+-é'\" ", min_size=0, max_size=70)
_DOMAIN = st.text(alphabet="aZ9.-本ß_xn", min_size=0, max_size=70)


@settings(max_examples=examples(200))
@given(local=_LOCAL, domain=_DOMAIN | st.sampled_from(["example.jp", "Example.JP", "日本.jp"]))
@example(local="a" * 64, domain="example.jp")
@example(local="a" * 65, domain="example.jp")
@example(local="a.", domain="example.jp")
def test_the_quick_look_never_differs_from_the_thorough_one(local: str, domain: str) -> None:
    assert _or_none(parse_address, f"{local}@{domain}") == _or_none(_mended, f"{local}@{domain}")


def _or_none(read: object, text: str) -> Address | None:
    assert callable(read)
    try:
        found: Address = read(text)
    except ListError:
        return None
    return found


@pytest.mark.parametrize("sign", [" ", "\u3000", "; ", "。", "<", "a.", "@"])
@pytest.mark.parametrize("form", ["a{}b@example.jp", "a@b{}c.jp", "{}", "mailto:{}a?\nb"])
def test_what_is_long_is_read_or_refused_in_time_that_grows_with_its_length(
    sign: str, form: str
) -> None:
    def read(text: str) -> object:
        return _or_none(parse_address, text)

    assert_linear(read, lambda size: form.format(sign * size), size=8000)


@pytest.mark.parametrize(
    "address",
    [
        "a..b@docomo.ne.jp",
        ".a@ezweb.ne.jp",
        "a.@t.vodafone.ne.jp",
        "a..@jp-t.ne.jp",
        "a..b@disney.ne.jp",
        "a.-.b@willcom.com",
        "a..b@softbank.ne.jp",
        "花子@例え.jp",
        "o'hara+news@example.co.jp",
        f"{'a' * 64}@example.jp",
    ],
)
def test_real_addresses_are_taken(address: str) -> None:
    assert parse_address(address).address.rpartition("@")[0] == address.rpartition("@")[0]


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ('"a..b"@docomo.ne.jp', "a..b@docomo.ne.jp", ""),
        ("\ufeffaoi@example.jp\u200b", "aoi@example.jp", ""),
        ("a@b.jp <aoi@example.jp>", "aoi@example.jp", ""),
        ("mailto:aoi@example.jp?subject=x", "aoi@example.jp", ""),
        ("ａｏｉ＠ｅｘａｍｐｌｅ．ｊｐ", "aoi@example.jp", ""),
        ("aoi @ example.jp", "aoi@example.jp", ""),
    ],
)
def test_what_can_only_be_meant_one_way_is_mended_with_a_note(
    text: str, address: str, name: str
) -> None:
    found = parse_address(text)
    assert (found.address, found.name) == (address, name)
    assert found.warnings


@pytest.mark.parametrize(
    "text",
    [
        "aoi@example.con",
        "aoi@example.comm",
        "aoi@example.c",
        "aoi@test",
        "a..b@example.jp",
        f"{'a' * 65}@example.jp",
        f"{'あ' * 22}@example.jp",
        "aoi@@example.jp",
        "aoi.example.jp",
        # Octets of Shift_JIS, read as UTF-8.
        "\ufffd\ufffd\ufffd\ufffd@example.jp",
        "aoi@\ufffd\ufffd.jp",
        "",
    ],
)
def test_broken_addresses_are_refused(text: str) -> None:
    with pytest.raises(ListError):
        parse_address(text)


@pytest.mark.parametrize(("name", "kept"), [("", ""), ("葵 ", "葵"), ('"葵, 山田" ', "葵, 山田")])
def test_a_name_and_brackets_of_an_address_book_are_read_without_a_note(
    name: str, kept: str
) -> None:
    found = parse_address(f"{name}<aoi@example.jp>")
    assert (found.address, found.name, found.warnings) == ("aoi@example.jp", kept, ())


@pytest.mark.parametrize(
    "text",
    [
        "a@example.jp, b@example.jp",
        "a@example.jp、b@example.jp",
        "a@example.jp b@example.jp",
        "山田 <a@example.jp>; 佐藤 <b@example.jp>",
        "a@example.jp／b@example.jp",
    ],
)
def test_two_addresses_in_one_place_are_called_so_with_what_to_do(text: str) -> None:
    with pytest.raises(ListError, match=r"There are 2 email addresses.*a row of its own"):
        parse_address(text)


@pytest.mark.parametrize("text", ["a@b@example.jp", "a@@example.jp", "@example.jp", "a@b@c@d"])
def test_one_address_with_several_signs_is_told_that_it_needs_one(text: str) -> None:
    with pytest.raises(ListError, match="exactly one @"):
        parse_address(text)


@pytest.mark.parametrize(
    "read",
    [
        "info@例え.jp",
        "田中@メール.例え.jp",
        "a@sub.日本語ひらがなー.jp",
        "a@bücher.example",
        "a@한국.kr",
        "a@xn.example",
        "<b>a@例え.jp</b>への、b@例え.jpの",
    ],
)
def test_addresses_are_shown_as_people_read_them(read: str) -> None:
    kept = read.replace("例え", "xn--r8jz45g")
    for label in ("メール", "日本語ひらがなー", "bücher", "한국"):
        kept = kept.replace(label, as_kept(f"@{label}.jp")[1:-3])
    assert kept.isascii() or "田中" in kept or "への" in kept
    assert as_read(kept) == read


@pytest.mark.parametrize(
    "label",
    [
        "аррӏе",  # Cyrillic alone
        "gооgle",  # Cyrillic among Latin
        "αβγ",
        "exampleー",  # a sound mark that is read as a hyphen
        "aノb",  # a letter that is read as a slash
    ],
)
def test_what_could_pass_for_another_domain_is_shown_as_dns_has_it(label: str) -> None:
    kept = f"a@{as_kept(f'@{label}.jp')[1:]}"
    assert "xn--" in kept
    assert as_read(kept) == kept


@pytest.mark.parametrize("domain", ["xn--a.jp", "xn--.jp", "xn--r8jz45g-.jp", "xn--" + "a" * 300])
def test_what_is_no_label_is_shown_as_it_is(domain: str) -> None:
    assert as_read(f"a@{domain}") == f"a@{domain}"


def test_texts_are_read_in_time_with_their_length() -> None:
    assert_linear(as_read, lambda size: "@xn--" * size, size=80_000)
    assert_linear(as_read, lambda size: "@" + "xn--a." * size, size=80_000)


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
