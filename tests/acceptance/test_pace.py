"""The budget as the source sees it, over a whole sync in virtual time: never above the limit, hardly below it."""

from pathlib import Path

import pytest
from virtual_time import run_virtual, virtual_clock

from connectors.simulator.log import most_in_window
from connectors.simulator.script import Script, jitter
from connectors.simulator.server import serve
from connectors.simulator.year import generate
from connectors.source import EPOCH
from pipeline.config import parse
from pipeline.run import run

PAGES = 350
PAGE_SIZE = 20
# 100 pages at once, 100 more after each whole minute: the 350th is sent when three minutes are over.
SHORTEST = 180.0

CONFIG = """
version: 1
sources:
  - name: demo
    system: voki
    base_url: {url}
    tenant: demo
    streams: [evaluations]
    page_size: {page_size}
    auth: {{token: secret}}
"""


@pytest.mark.parametrize(("low", "high"), [(0.001, 0.004), (0.02, 0.25)])
def test_a_sync_of_350_pages_fills_the_budget_and_never_overruns_it(
    tmp_path: Path, low: float, high: float
) -> None:
    """Kills: AsyncLimiter alone (199 in a minute), a slot freed when the request is sent, one lane on a slow source."""

    async def scenario() -> tuple[str, float, list[int], int]:
        clock = virtual_clock()
        world = generate(3, PAGES * PAGE_SIZE - 60)
        script = Script(latency=jitter(1, low, high))
        began = clock.steady()
        async with serve(world, tokens={"secret": "demo"}, steady=clock.steady, script=script) as simulator:
            text = CONFIG.format(url=simulator.base_url, page_size=PAGE_SIZE)
            config = parse(text, {}, tmp_path / "config.yaml", now=EPOCH)
            receipt = await run(config, clock=clock)
            lists = [one for one in simulator.arrivals if one.endpoint == "/api/v1/evaluations"]
            worst = list(most_in_window(simulator.arrivals, 60.0).values())
            return receipt.outcome, lists[-2].at - began, worst, len(lists)

    (outcome, last_page_at, worst, lists), _ = run_virtual(scenario())
    assert outcome == "ok"
    assert PAGES <= lists <= PAGES + 5
    assert max(worst) <= 100
    assert last_page_at <= 1.05 * SHORTEST
