"""The SQL of the project: plain files under sql/, read once. Values are bound, never formatted in."""

from functools import cache
from pathlib import Path

SQL = Path(__file__).resolve().parent.parent / "sql"


@cache
def statement(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """(version, SQL) of every step of the warehouse's shape, in order."""
    files = sorted((SQL / "warehouse").glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return tuple((int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files)
