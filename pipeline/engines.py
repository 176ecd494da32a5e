"""The doors through which marts are computed.

An engine runs one statement of DuckDB's SQL at a time inside one open transaction. It promises that after
`rollback` nothing of the transaction is there; it never splits, orders or judges statements. It knows which days have
changed since it was last told to `remember`; one that does not know says so, and all is made from scratch.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import duckdb

from pipeline.statements import statement


class MartEngine(Protocol):
    """What `pipeline.marts` needs of a query engine."""

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def execute(self, sql: str) -> None: ...

    def query(self, sql: str) -> list[tuple[Any, ...]]: ...

    def touch(self, about: str) -> bool:
        """Before a transaction: put the days that have changed into the table `touched_days` (source, tenant, day).

        False where `about` or the settings are others than the marts were made with, or nothing was remembered.
        """

    def remember(self, about: str) -> None:
        """Inside of the transaction: what the marts were made of is what `touch` found."""


@dataclass(frozen=True, slots=True)
class DuckDBEngine:
    """Computes marts in the warehouse itself; the connection stays its owner's."""

    connection: duckdb.DuckDBPyConnection

    def begin(self) -> None:
        self.connection.begin()

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    def execute(self, sql: str) -> None:
        self.connection.execute(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def touch(self, about: str) -> bool:
        self.connection.execute(statement("touched/days"))
        self.connection.execute(statement("touched/touched"))
        [(same,)] = self.connection.execute(statement("touched/same_makers"), {"about": about}).fetchall()
        return bool(same)

    def remember(self, about: str) -> None:
        self.connection.execute(statement("touched/remember"), {"about": about})
