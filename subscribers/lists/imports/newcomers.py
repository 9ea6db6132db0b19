"""Who on the stage is known already, and the others added as people."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import IntegrityError

from newsletter.tokens import Pseudonyms
from subscribers.lists.imports.staging import Staged
from subscribers.suppression import erased_by_hash

#: A row of the stage that is refused: line and address.
Refused: TypeAlias = tuple[int, str]

#: Note who is known already, and hold them until the transaction ends: an erasure that is under way
#: is waited for, and none can end before it does. By their places: the stage has no index.
_KNOWN = {
    "postgresql": """UPDATE list_stage SET person = k.id, known = true
        FROM (SELECT s.ctid AS place, p.id
            FROM list_stage AS s JOIN subscriber AS p ON p.address_key = s.address_key
            WHERE NOT s.known ORDER BY p.id FOR KEY SHARE OF p) AS k
        WHERE list_stage.ctid = k.place""",
    "sqlite": """UPDATE list_stage SET person = p.id, known = true FROM subscriber AS p
        WHERE p.address_key = list_stage.address_key""",
}
_NEW_AMONG = text(
    "SELECT line, address FROM list_stage WHERE NOT known AND address_key IN :keys"
).bindparams(bindparam("keys", expanding=True))
#: So often in a row, who was refused may have been erased before being found.
_MOST_IN_VAIN = 3
#: In the order of their addresses, so that two lists at once do not wait for each other.
_PEOPLE = text(
    """INSERT INTO subscriber (id, address, address_key, domain, created_at)
    SELECT person, address, address_key, domain, :moment FROM list_stage WHERE NOT known
    ORDER BY address_key"""
)


def find_known(connection: Connection) -> int:
    """Note who is known already and was not before; return how many they are."""
    return connection.execute(text(_KNOWN[connection.dialect.name])).rowcount


def add_people(
    connection: Connection,
    staged: Staged,
    pseudonyms: Pseudonyms | None,
    moment: object,
    refuse: Callable[[Sequence[Refused]], None],
) -> int:
    """Add who is new, without those who were erased; return how many turned out to be known.

    PostgreSQL adds and erases at the same moment: somebody whom another adds is found again, and
    who was erased is asked for last, when nobody of the chunk can be erased any more.

    Args:
        connection: Within the transaction that writes the chunk.
        staged: What is on the stage.
        pseudonyms: By which erased addresses are known.
        moment: When they are added, as raw SQL takes it.
        refuse: Takes rows out of the stage.

    Raises:
        IntegrityError: The database refuses them for another reason.
    """
    late = in_vain = 0
    while True:
        before = connection.begin_nested()
        try:
            connection.execute(_PEOPLE, {"moment": moment})
        except IntegrityError:
            before.rollback()
            found = find_known(connection)
            late += found
            in_vain = 0 if found else in_vain + 1
            if in_vain == _MOST_IN_VAIN:
                # It was not somebody whom another added: a restored sequence that lags behind, say.
                raise
            continue
        erased = _erased(connection, staged, pseudonyms)
        if not erased:
            before.commit()
            return late
        before.rollback()
        refuse(erased)


def _erased(
    connection: Connection, staged: Staged, pseudonyms: Pseudonyms | None
) -> Sequence[Refused]:
    """Return who of those that are new was erased."""
    if pseudonyms is None:
        return ()
    keys: Collection[str] = erased_by_hash(
        connection, lambda: staged.hashed or pseudonyms.by_hash(staged.columns["address_key"])
    )
    if not keys:
        return ()
    found = connection.execute(_NEW_AMONG, {"keys": [*keys]})
    return [(row.line, row.address) for row in found]
