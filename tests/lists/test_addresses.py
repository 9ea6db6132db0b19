"""The quick look at plain addresses says what the thorough validator says, or asks it."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.errors import ListError
from subscribers.addresses import Address, parse_address

_LOCAL = st.text(alphabet="aZ09._+-é'\" ", min_size=0, max_size=70)
_DOMAIN = st.text(alphabet="aZ9.-本ß_xn", min_size=0, max_size=70)


def _thorough(text: str) -> Address | None:
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    domain = found.ascii_domain.lower()
    return Address(
        address=found.ascii_email or f"{found.local_part}@{domain}",
        key=f"{found.local_part.lower()}@{domain}",
        domain=domain,
    )


@settings(max_examples=300)
@given(local=_LOCAL, domain=_DOMAIN | st.sampled_from(["example.jp", "Example.JP", "日本.jp"]))
@example(local="a" * 64, domain="example.jp")
@example(local="a" * 65, domain="example.jp")
@example(local="a.", domain="example.jp")
def test_the_quick_look_never_differs_from_the_thorough_one(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    try:
        quick = parse_address(text)
    except ListError:
        quick = None
    assert quick == _thorough(text)
