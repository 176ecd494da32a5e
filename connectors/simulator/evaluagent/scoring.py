"""How an evaluation is scored (DOC): from the outcomes of its line items to a percentage and Pass or Fail. No I/O.

The score is the sum of the weightings, each times the outcome's share, over the sum of all weightings; N/A
counts as passed. An evaluation passes when the score is above the scorecard's pass rate and no auto-fail line
item was failed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer of a scoring template: a share from 0 to 1, treated as passed or failed."""

    name: str
    share: float
    passes: bool


PASS, FAIL, NOT_APPLICABLE = (
    Outcome("Pass", 1.0, True),
    Outcome("Fail", 0.0, False),
    Outcome("N/A", 1.0, True),
)
TWO_POINTS = (PASS, FAIL, NOT_APPLICABLE)
FOUR_POINTS = (
    PASS,
    Outcome("Mostly", 0.75, True),
    Outcome("Partly", 0.25, False),
    FAIL,
    NOT_APPLICABLE,
)


@dataclass(frozen=True, slots=True)
class LineItem:
    name: str
    weight: int
    auto_fail: bool = False
    outcomes: tuple[Outcome, ...] = TWO_POINTS


@dataclass(frozen=True, slots=True)
class Scorecard:
    id: str
    title: str
    pass_rate: float  # percent; the score has to be above it
    items: tuple[LineItem, ...]
    scored: bool = True  # False: outcomes only, the score is null


@dataclass(frozen=True, slots=True)
class Result:
    score: float | None
    outcome: Literal["Pass", "Fail"]
    auto_failed: bool


def result(card: Scorecard, given: Sequence[Outcome]) -> Result:
    """The result of one evaluation; `given` are the outcomes in the order of the line items."""
    whole = sum(item.weight for item in card.items) or 1
    earned = sum(item.weight * outcome.share for item, outcome in zip(card.items, given, strict=True))
    score = round(100 * earned / whole, 2)
    failed = any(
        item.auto_fail and not outcome.passes for item, outcome in zip(card.items, given, strict=True)
    )
    passed = score > card.pass_rate and not failed
    return Result(score if card.scored else None, "Pass" if passed else "Fail", failed)


def shown_items(card: Scorecard) -> Mapping[tuple[int, str], Wire]:
    """Line items as the API shows them, one object per (place, outcome): evaluations share them."""
    return {
        (place, outcome.name): {"name": item.name, "outcome": outcome.name, "weight": item.weight}
        for place, item in enumerate(card.items)
        for outcome in item.outcomes
    }
