"""VERP: a signed return path that names its delivery, so that a bounce identifies its recipient.

The address is ``bounces+TOKEN@domain``. TOKEN is the signed token of `newsletter.tokens` in base32,
because mail servers may change the case of a local part. Anybody who sends to such an address has
seen the envelope of that one message.
"""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress

from newsletter.errors import MessageError, TokenError
from newsletter.i18n.messages import msg
from newsletter.tokens import WITHHELD, DeliveryRef, Purpose, TokenSigner

#: RFC 5321 section 4.5.3.1.1.
_LOCAL_OCTETS = 64
#: Maximum octets of a bounce address's local part. The rest of the 64 octets is for the plus sign
#: and a token with large numbers: 18 octets of numbers and marks, two before them, and a signature
#: of twelve after them, in base32.
_LONGEST_LOCAL = 11
#: Minimum length of a token: five octets and a signature of twelve, in base32.
_SHORTEST = 28
_SIGNED = re.compile(rf"\+([A-Za-z2-7]{{{_SHORTEST},{_LOCAL_OCTETS}}})@[^@\s]+\Z")


def return_path(signer: TokenSigner, bounce_address: str, ref: DeliveryRef) -> str:
    """Return the envelope sender of one delivery, on the domain of ``bounce_address``.

    Raises:
        MessageError: The local part would be longer than 64 octets (RFC 5321 section 4.5.3.1.1).
    """
    local, _, domain = bounce_address.rpartition("@")
    token = signer.sign_delivery(Purpose.RETURN_PATH, ref)
    signed = f"{local}+{_to_base32(token)}"
    if len(signed.encode()) > _LOCAL_OCTETS:
        raise MessageError(
            msg("The return path made from {address} would be too long.", address=bounce_address),
            remedy=msg("Use a bounce address with at most eleven characters before the @."),
        )
    return f"{signed}@{domain}"


def fits_return_path(bounce_address: str) -> bool:
    """Return whether the return path of any delivery fits, however large its numbers."""
    return len(bounce_address.rpartition("@")[0].encode()) <= _LONGEST_LOCAL


def read_return_path(signer: TokenSigner, address: str) -> DeliveryRef | None:
    """Return the delivery that an address names; None if the address is foreign or forged.

    `newsletter.mailings.planning.links.compare` checks who has these numbers today.
    """
    match = _SIGNED.search(address)
    if match is None:
        return None
    try:
        token = _from_base32(match[1])
        # The last letter has unused bits, which a forged address could change.
        if _to_base32(token) != match[1].lower():
            return None
    except binascii.Error:
        return None
    for purpose in (Purpose.RETURN_PATH, Purpose.FORMER_RETURN_PATH):
        with suppress(TokenError):
            return signer.read_delivery(purpose, token)
    return None


def claims_delivery(address: str) -> bool:
    """Return whether an address has the form of a signed return path, genuine or not.

    If it has and `read_return_path` returns None, it is forged or was signed with a lost key.
    """
    return _SIGNED.search(address) is not None


def without_signature(address: str) -> str:
    """Return an address without the signed part of its local part, if it has one."""
    return _SIGNED.sub(f"@{address.rpartition('@')[2]}", address)


#: The encoded version and purpose of `Purpose.RETURN_PATH` or its predecessor, with the token.
_TOKEN = re.compile(r"(?<=\+)(?:aee[a-p]|aec[q-z2-7])[a-z2-7]{24,}(?=@|=40|%40)", re.IGNORECASE)


def without_return_paths(text: str) -> str:
    """Return a text without the tokens of return paths, which would allow forging bounces."""
    return _TOKEN.sub(WITHHELD, text)


def _to_base32(token: str) -> str:
    octets = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return base64.b32encode(octets).rstrip(b"=").decode("ascii").lower()


def _from_base32(text: str) -> str:
    octets = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
