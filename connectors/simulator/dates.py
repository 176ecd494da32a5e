"""date_from and date_to, under every reading that the documentation leaves open."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.simulator.clock import EPOCH, SECOND, read_time, seconds
from connectors.simulator.switches import Switches
from connectors.simulator.wire import Refused, invalid

ONE_DAY = timedelta(days=1)


def bounds(query: Mapping[str, str], switches: Switches) -> tuple[int | None, int | None]:
    """date_from and date_to as [lower, upper) in unix seconds, under the reading of the switches."""
    return (
        _bound(query, "date_from", switches, starts=switches.date_from == "inclusive"),
        _bound(query, "date_to", switches, starts=switches.date_to == "exclusive"),
    )


def _bound(query: Mapping[str, str], name: str, switches: Switches, *, starts: bool) -> int | None:
    """The first second at (`starts`) or after the date or time given."""
    try:
        given = read_time(query[name])
        if isinstance(given, datetime) and switches.date_unit == "second":
            return -((EPOCH - given) // SECOND) if starts else seconds(given) + 1
        zone = ZoneInfo(switches.day_zone)
        day = given.astimezone(zone).date() if isinstance(given, datetime) else given
        if name == "date_to" and switches.date_unit == "second" and switches.date_only_to == "midnight":
            return _midnight(day, zone) + (0 if starts else 1)
        return _midnight(day if starts else day + ONE_DAY, zone)
    except KeyError:
        return None
    except (ValueError, OverflowError):
        if switches.bad_date == "ignore":
            return None
        raise Refused(invalid(name, "is invalid")) from None


def _midnight(day: date, zone: ZoneInfo) -> int:
    return seconds(datetime(day.year, day.month, day.day, tzinfo=zone))
