"""The scoring rule, against the vendor's words and against a second way of adding it up.

Kills: "at least" for "above", an auto-fail that only costs points, N/A left out of the sum of weightings.
"""

from fractions import Fraction

import pytest

from connectors.simulator.evaluagent.scoring import (
    FAIL,
    FOUR_POINTS,
    NOT_APPLICABLE,
    PASS,
    LineItem,
    Outcome,
    Result,
    Scorecard,
    result,
)
from connectors.simulator.evaluagent.staff import scorecards
from connectors.simulator.evaluagent.year import generate

HALF = Outcome("Half", 0.5, passes=True)
CARD = Scorecard(
    "1", "Telefone", 85.0, (LineItem("a", 70), LineItem("b", 15), LineItem("c", 15, auto_fail=True))
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((PASS, PASS, PASS), Result(100.0, "Pass", auto_failed=False)),
        ((PASS, FAIL, PASS), Result(85.0, "Fail", auto_failed=False)),  # not above the pass rate
        ((PASS, HALF, PASS), Result(92.5, "Pass", auto_failed=False)),
        ((FAIL, PASS, PASS), Result(30.0, "Fail", auto_failed=False)),
        ((PASS, PASS, FAIL), Result(85.0, "Fail", auto_failed=True)),
        ((NOT_APPLICABLE, NOT_APPLICABLE, NOT_APPLICABLE), Result(100.0, "Pass", auto_failed=False)),
    ],
)
def test_the_vendors_rule(given: tuple[Outcome, ...], expected: Result) -> None:
    assert result(CARD, given) == expected


def test_an_auto_fail_fails_a_perfect_score_and_a_card_may_give_none() -> None:
    generous = Scorecard("2", "Chat", 10.0, (LineItem("a", 99), LineItem("b", 1, auto_fail=True)))
    assert result(generous, (PASS, FAIL)) == Result(99.0, "Fail", auto_failed=True)
    silent = Scorecard("3", "Livre", 80.0, (LineItem("a", 1),), scored=False)
    assert result(silent, (PASS,)) == Result(None, "Pass", auto_failed=False)


def test_the_year_follows_the_rule() -> None:
    """From nothing but what goes over the wire and the scorecards."""
    world = generate(9, 400)
    cards = {card.id: card for card in world.scorecards()}
    shares = {outcome.name: outcome.share for outcome in FOUR_POINTS}
    for row in world.rows():
        card, items = cards[row["scorecard_id"]], row["line_items"]
        assert [(item["name"], item["weight"]) for item in items] == [(i.name, i.weight) for i in card.items]
        earned = sum(Fraction(shares[item["outcome"]]) * item["weight"] for item in items)
        score = 100 * earned / sum(item["weight"] for item in items)
        failed = any(
            i.auto_fail and item["outcome"] == "Fail" for i, item in zip(card.items, items, strict=True)
        )
        assert row["auto_failed"] == failed
        if card.scored:
            assert row["score"] == pytest.approx(float(score), abs=0.005)
            assert row["outcome"] == ("Pass" if score > card.pass_rate and not failed else "Fail")
        else:
            assert row["score"] is None
            assert row["outcome"] in ("Pass", "Fail", None)


def test_scorecards_of_a_seed() -> None:
    cards = scorecards(1, numbered=False)
    assert len(cards) == 4
    assert cards == scorecards(1, numbered=False)
    assert any(item.outcomes == FOUR_POINTS for card in cards for item in card.items)
    assert all(any(item.auto_fail for item in card.items) for card in cards)
    assert {card.id.isdecimal() for card in scorecards(1, numbered=True)} == {True}
