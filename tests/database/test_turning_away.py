"""A PostgreSQL that turns a command away for good is not waited for; one that is away is."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from newsletter.cli.failures import explained
from newsletter.database.engine import is_crowded, open_engine, reason_of
from newsletter.database.postgres import turns_away

_AT = 'connection failed: connection to server at "192.0.2.1", port 5432 failed: '
_REFUSED = _AT + "Connection refused\n\tIs the server running on that host?\n"


@pytest.mark.parametrize(
    ("said", "is_final"),
    [
        ('FATAL:  password authentication failed for user "newsletter"\n', True),
        ('FATAL:  ユーザー"newsletter"のパスワード認証に失敗しました\n', True),
        ("fe_sendauth: no password supplied\n", True),
        ('FATAL:  database "news" does not exist\n', True),
        ('FATAL:  データベース"news"は存在しません\n', True),
        ('FATAL:  no pg_hba.conf entry for host "192.0.2.9", user "x", no encryption\n', True),
        ('FATAL:  permission denied for database "news"\n', True),
        ("FATAL:  the database system is starting up\n", False),
        ("FATAL:  the database system is shutting down\n", False),
        ("FATAL:  データベースシステムは起動処理中です\n", False),
        ("FATAL:  sorry, too many clients already\n", False),
        ("timeout expired\n", False),
        ("server closed the connection unexpectedly\n", False),
    ],
)
def test_what_a_server_says_tells_whether_waiting_helps(said: str, *, is_final: bool) -> None:
    assert turns_away(_AT + said) is is_final


@pytest.mark.parametrize(
    ("said", "is_full"),
    [
        ("FATAL:  sorry, too many clients already\n", True),
        ('FATAL:  too many connections for role "newsletter"\n', True),
        ("FATAL:  remaining connection slots are reserved for roles with SUPERUSER\n", True),
        ("FATAL:  no more connections allowed (max_client_conn)\n", True),
        ("FATAL:  現在クライアント数が多すぎます\n", True),
        ("FATAL:  the database system is starting up\n", False),
        ("Connection refused\n", False),
    ],
)
def test_a_server_without_a_connection_left_is_told_from_one_that_is_away(
    said: str, *, is_full: bool
) -> None:
    error = OperationalError("", {}, Exception(_AT + said))
    assert is_crowded(error) is is_full
    assert ("max_connections" in reason_of(error)) is is_full
    assert explained(error).remedy.startswith("It is running") is is_full


def test_a_host_that_may_come_back_is_waited_for_beside_one_that_turns_away() -> None:
    refused = _AT + 'FATAL:  password authentication failed for user "newsletter"\n'
    assert turns_away(refused + refused)
    assert not turns_away(refused + _REFUSED)


@pytest.mark.servers
@pytest.mark.parametrize(("database", "user"), [("nowhere", None), (None, "nobody")])
def test_a_wrong_address_of_a_database_is_told_without_waiting(
    postgres_url: str, database: str | None, user: str | None
) -> None:
    wrong = make_url(postgres_url).set(database=database, username=user)
    url = wrong.render_as_string(hide_password=False)
    waits: list[str] = []
    with pytest.raises(OperationalError, match="does not exist"):
        open_engine(url, on_wait=waits.append).connect()
    assert waits == []
