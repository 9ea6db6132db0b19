"""Passwords: argon2id (RFC 9106) with the library's recommended parameters."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from newsletter.errors import AccountError, Place, UnavailableError
from newsletter.i18n.messages import msg

#: Limits in characters. The minimum follows NIST SP 800-63B-4; the maximum limits the work.
SHORTEST, LONGEST = 12, 500
_FEWEST_DIFFERENT = 5

_hasher = PasswordHasher()
#: The maximum number of concurrent hashes: each needs 64 MiB and four threads.
_AT_ONCE = 2
#: The maximum number of waiting threads, and their timeout in seconds; further ones fail at once,
#: since they would occupy the threads for other requests.
_WAITING, _PATIENCE = 10, 3.0
_turns = threading.BoundedSemaphore(_AT_ONCE)
_places = threading.BoundedSemaphore(_AT_ONCE + _WAITING)


@contextmanager
def _turn() -> Iterator[None]:
    """Wait for a slot for hashing.

    Raises:
        UnavailableError: Too many threads are waiting, or the timeout was reached.
    """
    busy = UnavailableError(
        msg("Too many people are signing in at the moment."), remedy=msg("Try again in a minute.")
    )
    if not _places.acquire(blocking=False):
        raise busy
    try:
        if not _turns.acquire(timeout=_PATIENCE):
            raise busy
        try:
            yield
        finally:
            _turns.release()
    finally:
        _places.release()


def hash_password(password: str, *, address: str = "") -> str:
    """Return the PHC string of a new password.

    Raises:
        AccountError: The password is too short, too long, or can be guessed from the address.
    """
    place = Place(field="password")
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccountError(
            msg(
                "A password has {shortest} to {longest} characters.",
                shortest=SHORTEST,
                longest=LONGEST,
            ),
            place=place,
            remedy=msg("A few words that only you would put together are easy to keep in mind."),
        )
    name = address.partition("@")[0].casefold()
    rest = password.casefold().replace(address.casefold(), "") if address else password
    if len(set(rest.replace(name, "") if name else rest)) < _FEWEST_DIFFERENT:
        raise AccountError(msg("This password is easily guessed."), place=place)
    with _turn():
        return _hasher.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Return whether a password matches; without a stored hash, take as long and return False."""
    reference = stored or _nobodys()
    try:
        with _turn():
            _hasher.verify(reference, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def needs_new_hash(stored: str) -> bool:
    """Return whether a hash was made with weaker parameters than the present ones."""
    return _hasher.check_needs_rehash(stored)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    with _turn():
        return _hasher.hash("the password of nobody")
