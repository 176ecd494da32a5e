"""Every mart of evaluations, computed from the source's own rows in plain Python. Shares nothing with the SQL.

Rows are wire rows of the tenant `demo` at the source `demo`; `day` gives each row's reporting day, by its id().
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

Wire = dict[str, Any]
Rows = list[tuple[Any, ...]]
Days = dict[int, date]
Z = 1.959963984540054


def when(row: Wire) -> datetime:
    return datetime.fromisoformat(row["inserted_at"])


def distribution(rows: list[Wire], day: Days) -> Rows:
    counts = Counter((day[id(r)], r.get("department_name"), r.get("user_name"), r["rating"]) for r in rows)
    return [("demo", "demo", *key, count) for key, count in counts.items()]


def rates(rows: list[Wire], day: Days) -> Rows:
    groups = grouped(rows, lambda r: (day[id(r)], r.get("department_name"), r.get("user_name")))
    return [("demo", "demo", *key, *counted(group), *shares(group)[:2]) for key, group in groups.items()]


def by_name(rows: list[Wire], day: Days, field: str) -> Rows:
    oldest = max(day.values()) - timedelta(days=27)
    found: Rows = []
    for name, group in grouped(rows, lambda r: r.get(field)).items():
        recent = [r for r in group if day[id(r)] >= oldest]
        days = [day[id(r)] for r in group]
        figures = (*counted(group), *shares(group), *counted(recent), *shares(recent))
        found.append(("demo", "demo", name, min(days), max(days), *figures))
    return found


def trend(rows: list[Wire], day: Days) -> Rows:
    starts: dict[str, Callable[[date], date]] = {
        "day": lambda d: d,
        "week": lambda d: d - timedelta(days=d.weekday()),
        "month": lambda d: d.replace(day=1),
    }
    found: Rows = []
    for period, start in starts.items():
        for first, group in grouped(rows, lambda r, s=start: s(day[id(r)])).items():  # type: ignore[misc]
            n, satisfied, _, points = counted(group)
            found.append(("demo", "demo", period, first, n, satisfied, points, *shares(group)))
    return found


def grouped(rows: Iterable[Wire], key: Callable[[Wire], Any]) -> dict[Any, list[Wire]]:
    groups: dict[Any, list[Wire]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def counted(rows: list[Wire]) -> tuple[int, int, int, int]:
    ratings = [row["rating"] for row in rows]
    return (
        len(rows),
        sum(r in (4, 5) for r in ratings),
        sum(bool(row.get("comment")) for row in rows),
        sum(ratings),
    )


def shares(rows: list[Wire]) -> tuple[float | None, ...]:
    """Percent, mean, and Wilson's bounds as in the textbook."""
    n, satisfied, _, points = counted(rows)
    if n == 0:
        return None, None, None, None
    p = satisfied / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    margin = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return 100 * p, points / n, 100 * max(0.0, centre - margin), 100 * min(1.0, centre + margin)


def assert_close(name: str, actual: Rows, expected: Rows) -> None:
    """Equal as bags of rows; fractions to 1e-9."""

    def ordered(rows: Rows) -> Rows:
        return sorted(rows, key=lambda row: [repr(value) for value in row if not isinstance(value, float)])

    assert len(actual) == len(expected), name
    for found, right in zip(ordered(actual), ordered(expected), strict=True):
        for left, other in zip(found, right, strict=True):
            near = (
                isinstance(left, float)
                and isinstance(other, float)
                and math.isclose(left, other, abs_tol=1e-9)
            )
            assert near or (left == other and type(left) is type(other)), f"{name}: {found} is not {right}"
