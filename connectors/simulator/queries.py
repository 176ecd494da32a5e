"""The lists and the figures as functions of a world, a query and the switches. No I/O.

Filters and figures as documented; what a page is stands in pages.py. One filter of a list costs two
bisections; a second one, a search, and figures of one department or user look at the rows.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.simulator.calls import FILTERS, PAST_THE_CUT
from connectors.simulator.dates import bounds
from connectors.simulator.office import FOUNDED, name_id, user_row
from connectors.simulator.pages import Query, Shape, asked, listed, number, shown
from connectors.simulator.switches import Switches
from connectors.simulator.table import Label, Table, Wire
from connectors.simulator.tokens import Account, User
from connectors.simulator.wire import Answer, Refused, data, detail, invalid
from connectors.simulator.world import World, labels

USERS_MOST = 100  # DOC
LABELS: tuple[Label, ...] = ("all", 1, 2, 3, 4, 5, "commented", "empty")


def evaluations(world: World, query: Query, switches: Switches, turn: int) -> Answer:
    shape = _evaluations(switches)
    paging = asked(query, shape, switches)
    rating: Label = number(query, "rating", 0, 1, switches) if "rating" in query else "all"
    return listed(world, world.span(*bounds(query, switches), rating), paging, shape, switches, turn)


def calls(world: World, query: Query, switches: Switches, turn: int) -> Answer:
    shape, table = _calls(switches), world.calls
    paging = asked(query, shape, switches)
    wanted = [(name, query[name]) for name in FILTERS if name in query]
    keys, low, high = table.span(*bounds(query, switches), wanted[0] if wanted else "all")
    if len(wanted) > 1 or "search" in query:
        rows = ((key, table.row(key)) for key in keys[low:high])
        keys = [
            key
            for key, row in rows
            if all(row.get(name) == value for name, value in wanted)
            and _holds(row, query, "customer_name", "customer_email")
        ]
        low, high = 0, len(keys)
    return listed(table, (keys, low, high), paging, shape, switches, turn)


def departments(world: World, query: Query, switches: Switches, turn: int) -> Answer:
    shape = _departments(switches)
    return _few(world.departments, lambda _row: True, query, shape, switches, turn)


def users(world: World, query: Query, switches: Switches, turn: int) -> Answer:
    if query.get("active", "true") not in ("true", "false"):
        raise Refused(invalid("active", "is invalid"))

    def wanted(row: Wire) -> bool:
        return (
            ("role" not in query or row.get("role") == query["role"])
            and ("active" not in query or row.get("active") is (query["active"] == "true"))
            and _holds(row, query, "name", "email")
        )

    return _few(world.users, wanted, query, _users(switches), switches, turn)


def one(world: World, name: str, row_id: str, switches: Switches) -> Answer:
    """One row of an endpoint's collection. DERIVED: it looks as it does in the list."""
    table, shape = COLLECTIONS[name]
    row = table(world).find(row_id)
    return data(shown(row, shape(switches), switches)) if row else detail(404, "Not Found")


def me(account: Account, switches: Switches) -> Answer:
    """Whose token it is: the user who signed in, or the integration that a fixed token was made for."""
    user = account.user or User(f"{account.key}@integration.example", "", account.tenant, account.role)
    row = user_row(account.key, user.name, user.email, user.role, FOUNDED)
    return data(shown(row, _users(switches), switches))


def stats(world: World, query: Query, switches: Switches, now: datetime) -> Answer:
    """The figures. DOC: the last 30 days up to today unless said otherwise.

    A row whose rating is no whole number from 1 to 5 counts in the total and in nothing else: mean and
    rate are over the rated rows. (The mean in the documentation's own example does not follow from its
    distribution; its rate, 42 of 48 = 87.5, does.)
    """
    today = now.astimezone(ZoneInfo(switches.day_zone)).date()
    dates = {"date_from": str(today - timedelta(days=30)), "date_to": str(today)} | dict(query)
    counts = _counts(world, bounds(dates, switches), dates)
    rated = sum(counts[rating] for rating in range(1, 6))
    points = sum(rating * counts[rating] for rating in range(1, 6))
    share, whole = 100 * (counts[4] + counts[5]), rated or 1
    rate = _tenths(share, whole) if switches.satisfaction == "tenth" else share / whole
    nothing = 0.0 if switches.empty_stats == "zeros" else None
    return data(
        {
            "total_evaluations": counts["all"],
            "average_rating": _tenths(points, rated) if rated else nothing,
            "distribution": {
                str(rating): counts[rating]
                for rating in range(1, 6)
                if counts[rating] or switches.distribution == "full"
            },
            "with_comments": counts["commented"] + (counts["empty"] if switches.comment_counts_blank else 0),
            "satisfaction_rate": rate if rated else nothing,
        }
    )


# -- the shapes of the collections -----------------------------------------------------------------


def _evaluations(switches: Switches) -> Shape:
    return Shape(switches.sortable, switches.max_page_size)


def _calls(switches: Switches) -> Shape:
    hidden = PAST_THE_CUT if switches.call_fields == "visible" else frozenset[str]()
    sortable = frozenset({"inserted_at", "started_at", "completed_at"})
    return Shape(sortable, switches.calls_max_page_size, hidden=hidden)


def _departments(switches: Switches) -> Shape:
    sortable = frozenset({"name", "inserted_at"})
    return Shape(sortable, switches.departments_max_page_size, sort_by="name", sort_order="asc")


def _users(_switches: Switches) -> Shape:
    sortable = frozenset({"name", "email", "role", "inserted_at"})  # DOC
    return Shape(sortable, USERS_MOST, sort_by="name", sort_order="asc")


COLLECTIONS: dict[str, tuple[Callable[[World], Table], Callable[[Switches], Shape]]] = {
    "one": (lambda world: world, _evaluations),
    "call": (lambda world: world.calls, _calls),
    "department": (lambda world: world.departments, _departments),
    "user": (lambda world: world.users, _users),
}


# -- inside ----------------------------------------------------------------------------------------


def _few(
    table: Table,
    wanted: Callable[[Wire], bool],
    query: Query,
    shape: Shape,
    switches: Switches,
    turn: int,
) -> Answer:
    """A page of a collection that is small enough to look at every row."""
    paging = asked(query, shape, switches)
    keys = [key for key in table.span()[0] if wanted(table.row(key))]
    return listed(table, (keys, 0, len(keys)), paging, shape, switches, turn)


def _holds(row: Wire, query: Query, *names: str) -> bool:
    """Whether one of the fields has the text of `search` in it, in capitals or not."""
    text = query.get("search", "").casefold()
    return not text or any(text in str(row.get(name) or "").casefold() for name in names)


def _counts(world: World, within: tuple[int | None, int | None], query: Query) -> Counter[Label]:
    """Rows per label; an evaluation has the department and user of its call, without one those of its names."""
    wanted = [(name, query[name]) for name in ("department_id", "user_id") if name in query]
    if not wanted:
        spans = ((label, world.span(*within, label)) for label in LABELS)
        return Counter({label: high - low for label, (_, low, high) in spans})
    keys, low, high = world.span(*within)
    found: Counter[Label] = Counter()
    for row in (world.row(key) for key in keys[low:high]):
        call = world.calls.find(str(row.get("call_id"))) or {
            "department_id": name_id(str(row.get("department_name"))),
            "user_id": name_id(str(row.get("user_name"))),
        }
        if all(call.get(name) == value for name, value in wanted):
            found.update(labels(row))
    return found


def _tenths(numerator: int, denominator: int) -> float:
    """Rounded to one decimal, half up, in whole numbers."""
    return (20 * numerator + denominator) // (2 * denominator) / 10
