"""A piece of a list that is ordered by time, with the rows of one time in whatever order the API gives them."""

import random
from bisect import bisect_left
from itertools import groupby

from connectors.simulator.table import Key, Span, edge


def in_order(found: Span, wanted: tuple[int, int], *, descending: bool, ties_as: str, turn: int) -> list[Key]:
    """Of the keys found, the places [first, last) in the order asked for; `turn` seeds what is shuffled anew."""
    (keys, low, high), (first, last) = found, wanted
    if first >= last:
        return []
    left, right = (high - last, high - first) if descending else (low + first, low + last)
    if ties_as == "stable":
        chosen = keys[left:right]
        return chosen[::-1] if descending else chosen
    # Widen to whole ties, put every tie in its order, cut again.
    start = max(low, bisect_left(keys, edge(keys[left][0])))
    stop = min(high, bisect_left(keys, edge(keys[right - 1][0] + 1)))
    ties = [list(tie) for _, tie in groupby(keys[start:stop], key=lambda key: key[0])]
    for tie in ties:
        if len(tie) > 1 and ties_as == "shuffled":
            random.Random(turn << 40 ^ tie[0][0]).shuffle(tie)
        elif ties_as == "by_id_desc":
            tie.reverse()
    ordered = [key for tie in (ties[::-1] if descending else ties) for key in tie]
    skip = stop - right if descending else left - start
    return ordered[skip : skip + last - first]
