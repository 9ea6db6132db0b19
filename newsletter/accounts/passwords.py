"""Passwords: argon2id (RFC 9106) in the library's recommended strength."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from newsletter.errors import AccountError, Place, UnavailableError
from newsletter.i18n.messages import msg

#: Characters. The lower bound follows NIST SP 800-63B-4; the upper bounds the work of one try.
SHORTEST, LONGEST = 12, 500
_FEWEST_DIFFERENT = 5

_hasher = PasswordHasher()
#: One hash takes 64 MiB and four threads: more at once would take the machine from everybody.
_AT_ONCE = 2
#: So many may wait for a turn, for so many seconds; the others are sent away at once, or they
#: would take up the threads that answer everybody else.
_WAITING, _PATIENCE = 10, 3.0
_turns = threading.BoundedSemaphore(_AT_ONCE)
_places = threading.BoundedSemaphore(_AT_ONCE + _WAITING)


@contextmanager
def _turn() -> Iterator[None]:
    """Wait for a turn at the hasher.

    Raises:
        UnavailableError: Too many wait, or it does not come in time.
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
        AccountError: It is too short, too long, or can be guessed from the address.
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
    """Return whether a password is the stored one; without one, take as long and say no."""
    reference = stored or _nobodys()
    try:
        with _turn():
            _hasher.verify(reference, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def needs_new_hash(stored: str) -> bool:
    """Return whether a hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    with _turn():
        return _hasher.hash("the password of nobody")
