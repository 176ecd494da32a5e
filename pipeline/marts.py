"""Marts: plain SQL over the loaded rows, checked before anybody sees it.

A mart is a folder `sql/marts/<name>/` with `mart.sql`, which creates `marts.<name>` and the tables behind
it, and `checks.sql`, whose statements return the rows (severity, check_name, detail) that break a rule. One that
reads every rating may have a `days.sql` besides, which makes only the days anew that stand in `touched_days`.
What reads what is taken from the SQL itself, so there is no list of marts to keep.

Promises: a rerun over the same rows gives the same marts, from scratch or by days; all marts change in one
transaction; a failing check leaves the previous marts in place. Never asks a source, never reads the clock.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import duckdb

from pipeline.engines import MartEngine
from schemas.errors import CheckFailed, ConfigError

SCHEMA = "marts"
WARN = "warn"
IN_SCHEMA = rf'(?<![\w"])"?{SCHEMA}"?\s*\.\s*"?(\w+)'
MENTIONED = re.compile(IN_SCHEMA, re.IGNORECASE)
CREATED = re.compile(
    rf"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:TABLE|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?{IN_SCHEMA}", re.IGNORECASE
)
CHANGED = re.compile(
    rf"\s*(?:(?:DELETE\s+FROM|INSERT\s+INTO)\s+{IN_SCHEMA}|CREATE\s+OR\s+REPLACE\s+TEMP\s+TABLE\s)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Mart:
    """One folder of `sql/marts`."""

    name: str
    sql: str = field(repr=False)
    checks: str = field(repr=False)
    days: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One row that broke a rule."""

    mart: str
    severity: str
    check: str
    detail: str


Make = Callable[[MartEngine, Iterable[Mart]], tuple[CheckResult, ...]]  # `build`, or `refresh`


def load_marts(folder: Path) -> tuple[Mart, ...]:
    """Every mart of the folder, by name; a folder without its two files is an error."""
    if not folder.is_dir():
        raise ConfigError(f"no folder of marts at {folder}")
    places = sorted(place for place in folder.iterdir() if place.is_dir() and place.name[0] not in "._")
    return tuple(map(_mart, places))


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
    """Build and check all marts from scratch, or `only` some with all that they read and all that reads them.

    Returns the warnings. A failing check raises CheckFailed, and every mart is as it was.
    """
    chosen = _chosen(order(marts), only)
    return _build(engine, {mart: mart.sql for mart in chosen})


def refresh(engine: MartEngine, marts: Iterable[Mart]) -> tuple[CheckResult, ...]:
    """The same as `build`, but for what has not changed since the last refresh, where a mart can tell."""
    ordered = order(marts)
    about = hashlib.sha256("".join(mart.sql + mart.days for mart in ordered).encode()).hexdigest()
    by_days = engine.touch(about)
    making = {mart: mart.days if by_days and mart.days else mart.sql for mart in ordered}
    return _build(engine, making, about)


def _build(
    engine: MartEngine, making: Mapping[Mart, str], about: str | None = None
) -> tuple[CheckResult, ...]:
    """Run the SQL that makes each mart and all checks; remember what they were made of where that is known."""
    engine.begin()
    try:
        for sql in making.values():
            for statement in statements(sql):
                engine.execute(statement)
        # All are built before one is checked: a check sees the marts as a reader would.
        results = tuple(result for mart in making for result in _broken_rules(engine, mart))
        _refuse(results)
        if about is not None:
            engine.remember(about)
    except BaseException:
        engine.rollback()
        raise
    engine.commit()
    return results


def statements(sql: str) -> tuple[str, ...]:
    """Each statement by itself, with the comments around it."""
    return tuple(one.query.strip() for one in _parsed(sql))


def _mart(place: Path) -> Mart:
    days = place / "days.sql"
    by_days = _text(days) if days.is_file() else ""
    return Mart(place.name, _text(place / "mart.sql"), _text(place / "checks.sql"), by_days)


def _text(path: Path) -> str:
    if not path.is_file():
        raise ConfigError(f"mart {path.parent.name} has no {path.name}: write {path}")
    return path.read_text(encoding="utf-8")


def _graph(marts: Mapping[str, Mart]) -> dict[str, tuple[str, ...]]:
    """Mart -> the marts that its SQL or its checks read."""
    tables = {name: _tables(mart) for name, mart in marts.items()}
    maker: dict[str, str] = {}
    for name, (created, _) in tables.items():
        for table in created:
            if maker.setdefault(table, name) != name:
                raise ConfigError(f"marts {maker[table]} and {name} both create {SCHEMA}.{table}")
        if maker.get(name) != name:
            raise ConfigError(f"mart {name} does not create {SCHEMA}.{name}")
    graph: dict[str, tuple[str, ...]] = {}
    for name, (_, mentioned) in tables.items():
        if unknown := sorted(mentioned - maker.keys()):
            raise ConfigError(f"mart {name} reads {SCHEMA}.{unknown[0]}, which no mart creates")
        graph[name] = tuple(sorted({maker[table] for table in mentioned} - {name}))
    return graph


@cache
def _tables(mart: Mart) -> tuple[set[str], set[str]]:
    """What a mart creates and what it mentions in the marts' schema; writing anywhere else is refused."""
    creating, checking = _parse(mart, mart.sql), _parse(mart, mart.checks)
    matches = [CREATED.match(_code(one.query)) for one in creating]
    if not all(matches):
        raise ConfigError(f"mart {mart.name}: mart.sql may only create tables and views in {SCHEMA}")
    if not checking or {one.type for one in checking} != {duckdb.StatementType.SELECT}:
        raise ConfigError(f"mart {mart.name}: checks.sql must hold SELECT statements and nothing else")
    created = {match[1].lower() for match in matches if match}
    changing = [CHANGED.match(_code(one.query)) for one in _parse(mart, mart.days)]
    if not all(match and (match[1] or "").lower() in {"", *created} for match in changing):
        raise ConfigError(f"mart {mart.name}: days.sql may only change its own tables in {SCHEMA}")
    mentioned = MENTIONED.findall(_code(mart.sql) + _code(mart.checks) + _code(mart.days))
    return created, {name.lower() for name in mentioned}


def _parse(mart: Mart, sql: str) -> tuple[duckdb.Statement, ...]:
    try:
        return _parsed(sql)
    except duckdb.Error as error:
        raise ConfigError(f"mart {mart.name}: SQL that cannot be read: {error}") from error


@cache
def _parsed(sql: str) -> tuple[duckdb.Statement, ...]:
    return tuple(duckdb.extract_statements(sql))


def _code(sql: str) -> str:
    """The SQL without comments and without what stands in quotation marks of text."""
    text = sql.encode()
    tokens = [*duckdb.tokenize(sql), (len(text), None)]
    silent = (duckdb.token_type.comment, duckdb.token_type.string_const)
    parts = [text[start:end] for (start, kind), (end, _) in pairwise(tokens) if kind not in silent]
    return b"".join(parts).decode()


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
