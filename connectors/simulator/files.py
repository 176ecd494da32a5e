"""A world of a person's own ratings: a CSV or Parquet export, read as it is.

Only the rating is required. CSV cells are read as text and ratings as numbers where they are numbers;
nothing else is guessed, and what is no good rating stays in, as the source would send it. A missing id
or time is a function of the row's number, so that the same file always is the same world.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from connectors.simulator.clock import moment, read_time, seconds, stamp
from connectors.simulator.world import FIELDS, UNTIL, Wire, World
from connectors.simulator.year import DAYS, spread

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def load_file(
    path: Path,
    columns: Mapping[str, str] | None = None,
    *,
    tenant: str = "demo",
    until: datetime | None = None,
) -> World:
    """Read a file. `columns` says which of its columns is our id, rating, ..; by default the same name.

    Raises ValueError with the file, the column and the columns there are.
    """
    wanted = dict(columns or {})
    if unknown := sorted(set(wanted) - set(FIELDS)):
        raise ValueError(f"{path}: unknown field {unknown[0]!r} in columns; fields are {', '.join(FIELDS)}")
    try:
        table = _parquet(path) if _is_parquet(path) else _csv(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from None
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: is no CSV or Parquet file: {error}") from None
    there = table.column_names
    for name in {"rating": "rating"} | wanted:
        if there.count(column := wanted.get(name, name)) != 1:
            how = "no" if column not in there else "more than one"
            raise ValueError(f"{path}: {how} column {column!r} for {name}; columns are {', '.join(there)}")
    used = {name: wanted.get(name, name) for name in FIELDS if wanted.get(name, name) in there}
    cells = {name: table.column(column).to_pylist() for name, column in used.items()}
    pairs = _rows(path, used, cells, table.num_rows, (until or UNTIL) - timedelta(days=DAYS))
    timeless = "inserted_at" not in used
    return World.from_pairs(pairs, tenant=tenant, until=(until or UNTIL) if timeless else until)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _parquet(path: Path) -> Any:
    return pa.parquet.read_table(path)


def _csv(path: Path) -> Any:
    """Every cell as text, so that an id keeps its zeros. The separator is what the first line has most of."""
    with pa.input_stream(str(path), compression="detect") as stream:
        first = stream.read(65_536).decode("utf-8-sig", "replace").partition("\n")[0]
    parse = pa.csv.ParseOptions(delimiter=max(",;\t", key=first.count), newlines_in_values=True)
    with pa.csv.open_csv(path, parse_options=parse) as reader:
        names = reader.schema.names
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=[""],
        quoted_strings_can_be_null=False,
    )
    return pa.csv.read_csv(path, parse_options=parse, convert_options=convert)


def _rows(
    path: Path, used: Mapping[str, str], cells: Mapping[str, list[Any]], n: int, start: datetime
) -> Iterator[tuple[int, Wire]]:
    for i, spare in zip(range(n), spread(start), strict=False):
        row: Wire = {name: cells[name][i] for name in used}
        try:
            at = spare if row.get("inserted_at") in (None, "") else _time(row["inserted_at"])
        except (ValueError, OverflowError):
            raise ValueError(
                f"{path}: row {i + 1}, column {used['inserted_at']!r}: {row['inserted_at']!r} is no time "
                "(ISO 8601, or unix seconds)"
            ) from None
        texts = {name: None if value is None else str(value) for name, value in row.items()}
        row = {name: texts.get(name) for name in FIELDS} | {"rating": _rating(row["rating"])}
        row["id"] = row["id"] or f"row-{i + 1:08d}"
        row["call_id"] = row["call_id"] or f"call-{i + 1:08d}"
        yield at, row | {"inserted_at": stamp(at)}


def _rating(value: Any) -> Any:
    """4.0 is 4; 4.5 and "bad" stay. What JSON has no number for is null."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    elif not isinstance(value, (int, float, str, type(None))):
        value = str(value)
    if isinstance(value, float):
        return None if not math.isfinite(value) else int(value) if value.is_integer() else value
    return value


def _time(value: Any) -> int:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, str):
        value = read_time(value.strip())
    if isinstance(value, datetime):
        return seconds(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return seconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
    moment(int(value)).strftime("%Y")  # raises when it lies outside of the calendar, as milliseconds do
    return int(value)
