"""What a source counts: the oracle of every budget test, from nothing but the moments of arrival."""

from collections.abc import Iterable


def most_in_window(arrivals: Iterable[float], seconds: float) -> int:
    """The largest number of arrivals in any closed stretch of `seconds`."""
    ordered = sorted(arrivals)
    most = first = 0
    for last, arrival in enumerate(ordered):
        while arrival - ordered[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
