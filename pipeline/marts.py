"""Marts: plain SQL over the loaded rows, checked before anybody sees it.

A mart is a folder `sql/marts/<name>/` with `mart.sql`, which creates `marts.<name>` and the tables behind
it, and `checks.sql`, whose statements return the rows (severity, check_name, detail) that break a rule.
What reads what is taken from the SQL itself, so there is no list of marts to keep.

Promises: a rerun over the same rows gives the same marts; all marts change in one transaction; a failing
check leaves the previous marts in place. Never asks a source, never reads the clock.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from pipeline.engines import MartEngine
from schemas.errors import CheckFailed, ConfigError

SCHEMA = "marts"
WARN = "warn"


@dataclass(frozen=True, slots=True)
class Mart:
    """One folder of `sql/marts`."""

    name: str
    sql: str
    checks: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One row that broke a rule."""

    mart: str
    severity: str
    check: str
    detail: str


def load_marts(folder: Path) -> tuple[Mart, ...]:
    """Every mart of the folder, by name; a folder without its two files is an error."""
    if not folder.is_dir():
        raise ConfigError(f"no folder of marts at {folder}")
    places = sorted(place for place in folder.iterdir() if place.is_dir() and place.name[0] not in "._")
    return tuple(Mart(place.name, _text(place / "mart.sql"), _text(place / "checks.sql")) for place in places)


def order(marts: Iterable[Mart]) -> tuple[Mart, ...]:
    """The marts, each after those that it reads."""
    by_name = {mart.name: mart for mart in sorted(marts, key=lambda mart: mart.name)}
    try:
        return tuple(by_name[name] for name in TopologicalSorter(_graph(by_name)).static_order())
    except CycleError as error:
        raise ConfigError(f"marts read each other in a circle: {' <- '.join(error.args[1])}") from error


def build(
    engine: MartEngine, marts: Iterable[Mart], only: Collection[str] | None = None
) -> tuple[CheckResult, ...]:
    """Build and check all marts, or `only` some with all that they read and all that reads them.

    Returns the warnings. A failing check raises CheckFailed, and every mart is as it was.
    """
    chosen = _chosen(order(marts), only)
    engine.begin()
    try:
        for mart in chosen:
            for statement in statements(mart.sql):
                engine.execute(statement)
        # All are built before one is checked: a check sees the marts as a reader would.
        results = tuple(result for mart in chosen for result in _broken_rules(engine, mart))
        _refuse(results)
    except BaseException:
        engine.rollback()
        raise
    engine.commit()
    return results


def statements(sql: str) -> tuple[str, ...]:
    """The text between the semicolons, as it stands."""
    found: list[str] = []
    start: int | None = None
    for token in sqlglot.tokenize(sql, read="duckdb"):
        if token.token_type is TokenType.SEMICOLON:
            if start is not None:
                found.append(sql[start : token.start].rstrip())
            start = None
        elif start is None:
            start = token.start
    if start is not None:
        found.append(sql[start:].rstrip())
    return tuple(found)


def _text(path: Path) -> str:
    if not path.is_file():
        raise ConfigError(f"mart {path.parent.name} has no {path.name}: write {path}")
    return path.read_text(encoding="utf-8")


def _graph(marts: Mapping[str, Mart]) -> dict[str, tuple[str, ...]]:
    """Mart -> the marts that its SQL or its checks read."""
    maker: dict[str, str] = {}
    for name, mart in marts.items():
        for table in _created(mart):
            if maker.setdefault(table, name) != name:
                raise ConfigError(f"marts {maker[table]} and {name} both create {SCHEMA}.{table}")
        if maker.get(name) != name:
            raise ConfigError(f"mart {name} does not create {SCHEMA}.{name}")
    graph: dict[str, tuple[str, ...]] = {}
    for name, mart in marts.items():
        tables = _read(mart)
        if unknown := sorted(tables - maker.keys()):
            raise ConfigError(f"mart {name} reads {SCHEMA}.{unknown[0]}, which no mart creates")
        graph[name] = tuple(sorted({maker[table] for table in tables} - {name}))
    return graph


def _created(mart: Mart) -> set[str]:
    """What mart.sql creates; anything else that it might do is refused."""
    created: set[str] = set()
    for statement in _parse(mart, mart.sql):
        target = statement.find(exp.Table) if isinstance(statement, exp.Create) else None
        if target is None or target.db.lower() != SCHEMA:
            raise ConfigError(f"mart {mart.name}: mart.sql may only create tables and views in {SCHEMA}")
        created.add(target.name.lower())
    return created


def _read(mart: Mart) -> set[str]:
    """The names in the marts' schema that occur in the SQL or in the checks, which may only select."""
    checks = tuple(_parse(mart, mart.checks))
    if not checks or not all(isinstance(check, exp.Query) for check in checks):
        raise ConfigError(f"mart {mart.name}: checks.sql must hold SELECT statements and nothing else")
    return {
        table.name.lower()
        for statement in (*_parse(mart, mart.sql), *checks)
        for table in statement.find_all(exp.Table)
        if table.db.lower() == SCHEMA
    }


def _parse(mart: Mart, sql: str) -> Iterator[exp.Expression]:
    try:
        for statement in statements(sql):
            parsed = sqlglot.parse(statement, read="duckdb")
            yield from (part for part in parsed if isinstance(part, exp.Expression))
    except SqlglotError as error:
        raise ConfigError(f"mart {mart.name}: SQL that cannot be read: {error}") from error


def _chosen(ordered: tuple[Mart, ...], only: Collection[str] | None) -> tuple[Mart, ...]:
    """`only`, what reads them, and what all of these read, in order."""
    if only is None:
        return ordered
    graph = _graph({mart.name: mart for mart in ordered})
    if unknown := sorted(set(only) - graph.keys()):
        raise ConfigError(f"no mart is named {unknown[0]}; there are: {', '.join(sorted(graph))}")
    wanted = set(only)
    for mart in ordered:
        if wanted.intersection(graph[mart.name]):
            wanted.add(mart.name)
    for mart in reversed(ordered):
        if mart.name in wanted:
            wanted.update(graph[mart.name])
    return tuple(mart for mart in ordered if mart.name in wanted)


def _broken_rules(engine: MartEngine, mart: Mart) -> Iterator[CheckResult]:
    for statement in statements(mart.checks):
        for severity, check, detail in engine.query(statement):
            yield CheckResult(mart.name, str(severity), str(check), str(detail))


def _refuse(results: Collection[CheckResult]) -> None:
    """A severity that is not a warning is a failure: an unknown word must not let rows through."""
    failures = [result for result in results if result.severity != WARN]
    if failures:
        first = failures[0]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise CheckFailed(f"mart {first.mart} breaks its check {first.check}: {first.detail}{more}")
