"""The doors through which marts are computed.

An engine runs one statement of DuckDB's SQL at a time inside one open transaction. It promises that after
`rollback` nothing of the transaction is there; it never splits, orders or judges statements.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import duckdb


class MartEngine(Protocol):
    """What `pipeline.marts` needs of a query engine."""

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def execute(self, statement: str) -> None: ...

    def query(self, statement: str) -> list[tuple[Any, ...]]: ...


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

    def execute(self, statement: str) -> None:
        self.connection.execute(statement)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement).fetchall()
