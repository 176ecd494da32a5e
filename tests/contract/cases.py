"""The cases that every stream of every connector has to pass. Plain functions: they return, or they raise.

Each is told a scene and goes through the product: real sockets, real files, the simulator's table as the judge. Named
below each is what it would catch; `test_broken_connectors.py` proves it with connectors that are broken so.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa
from contract.stage import EARLIER, PACE, PAGE, Scene
from contract.stranger import stranger
from crash import ROOT
from lab import NOW

from connectors.paging import STAGGER
from connectors.simulator.log import Arrival
from pipeline import package
from pipeline.privacy import Privacy
from pipeline.receipt import StreamReceipt
from pipeline.validate import judge

MANY = 3 * PAGE - 1  # rows: three pages
HOUR = timedelta(hours=1)
FROM_THE_SECOND = frozenset(range(2, 1000))


def assert_whole(scene: Scene) -> None:
    """The warehouse holds what the source has: no row less, none twice, none changed."""
    held = scene.held()
    twice = [key for key, times in Counter(row["key"] for row in held).items() if times > 1]
    assert not twice, f"twice in the warehouse: {twice}"
    found, true = {row["key"]: row["text"] for row in held}, scene.rows.true()
    assert found.keys() == true.keys(), (
        f"lost {true.keys() - found.keys()}, made up {found.keys() - true.keys()}"
    )
    assert found == true
    assert scene.held_children() == scene.rows.children()


def assert_proven(receipt: StreamReceipt) -> None:
    assert receipt.outcome == "ok", f"{receipt.outcome}: {receipt.error}"
    assert receipt.proof is not None
    assert receipt.proof.state == "proven", receipt.proof.reason


def assert_honest(scene: Scene, receipt: StreamReceipt, outcome: str) -> None:
    """A run that could not go on says so, claims nothing and marks nothing as deleted."""
    assert receipt.outcome == outcome, f"{receipt.outcome}: {receipt.error}"
    assert receipt.error
    assert receipt.proof is None
    assert receipt.watermark is None
    assert {row["key"] for row in scene.held()} <= scene.rows.true().keys()
    assert scene.held(deleted=True) == []


async def settled(scene: Scene) -> StreamReceipt:
    """One more run, with the source at rest: it ends whole and proven, whatever was before."""
    scene.heal()
    scene.time.pass_by(HOUR)
    receipt = await scene.sync()
    assert_proven(receipt)
    assert_whole(scene)
    return receipt


async def first_sync(scene: Scene) -> None:
    """Catches: only the first page; the same page again and again; a wrong key, total, order or group."""
    scene.add(MANY)
    receipt = await scene.sync()
    assert_proven(receipt)
    assert_whole(scene)
    assert (receipt.loaded.inserted, receipt.loaded.deleted) == (MANY, 0)


async def whole_run(scene: Scene) -> None:
    """With marts and a snapshot; of one stream for each system, because that is the same for all."""
    scene.add(MANY)
    receipt = await scene.run()
    assert receipt.error is None
    assert_proven(receipt.streams[0])
    assert receipt.snapshot
    assert_whole(scene)


async def slow_source(scene: Scene) -> None:
    """A walk from both ends hides the latency of a slow source. Catches: the other order asked for, and not given."""
    scene.add(2 * MANY)
    in_time = scene.stream.walk == "seek"  # a list is read page after page, however slow it is
    scene.script.latency = lambda: 1.5 * STAGGER if in_time else 0.0
    assert_proven(await scene.sync())
    assert_whole(scene)


async def nothing_new(scene: Scene) -> None:
    """Catches: records that differ each time they are asked for."""
    scene.add(MANY)
    assert_proven(await scene.sync())
    loaded = (await settled(scene)).loaded
    assert (loaded.inserted, loaded.updated, loaded.deleted) == (0, 0, 0)


async def kept_pages(scene: Scene) -> None:
    """Catches: a kept body that is read as other records than its answer was."""
    scene.add(MANY)
    assert_proven(await scene.sync())
    found, stream = dict[str, Any](), scene.stream
    for page in scene.pages():
        judged = judge(stream, 1, NOW, stream.decode(package.body(page)), Privacy())
        assert len(judged.keys) == page.records
        keys = judged.rows.column(stream.contract.key)
        assert judged.keys == keys.cast(pa.binary())  # no letters
        found.update(zip(keys.to_pylist(), judged.rows.column(scene.rows.column).to_pylist(), strict=True))
    assert found == scene.rows.true()


async def resume_after_kill(scene: Scene) -> None:
    """Catches: pages that cannot be read again, rows that come twice after a kill."""
    scene.add(MANY)
    pipe, env = asyncio.subprocess.PIPE, {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    child = await asyncio.create_subprocess_exec(
        *scene.command, stdout=pipe, stderr=asyncio.subprocess.STDOUT, env=env
    )

    def kill(turn: int, _: Arrival) -> None:
        if turn == 3:
            child.kill()

    scene.script.before.append(kill)
    out, _ = await child.communicate()
    assert child.returncode == -9, out.decode()
    await settled(scene)


async def drift(scene: Scene) -> None:
    """Catches: pages trusted by their numbers while rows come, go and change; a moving source called broken."""
    scene.add(MANY)
    before = set(scene.rows.keys())

    def move(turn: int, _: Arrival) -> None:
        if turn <= 3:
            scene.rows.delete(scene.rows.keys()[0])
            scene.rows.edit(scene.rows.keys()[-1], **{scene.rows.column: f"turn {turn}"})
            scene.add(2 if turn % 2 else 1)

    scene.script.before.append(move)
    receipt = await scene.sync()
    assert receipt.outcome in ("ok", "unproven"), receipt.error
    lost = before & scene.rows.true().keys() - {row["key"] for row in scene.held()}
    assert not lost, f"there all the time, and lost: {lost}"
    await settled(scene)


async def tie(scene: Scene) -> None:
    """Catches: rows of one second that are taken for one row, or cut off at a page's end."""
    scene.add(PAGE - 1)
    scene.add(2 * PAGE + 1, at=NOW - EARLIER + HOUR)
    scene.placed += 200  # the next come after the tie
    scene.add(PAGE - 1)
    assert_proven(await scene.sync())
    assert_whole(scene)


async def edit(scene: Scene) -> None:
    """Catches: answers that are remembered; a place in time that moves with every edit."""
    scene.add(MANY)
    assert_proven(await scene.sync())
    scene.rows.edit(scene.rows.keys()[MANY // 2], **{scene.rows.column: "changed"})
    loaded = (await settled(scene)).loaded
    assert (loaded.inserted, loaded.updated, loaded.deleted) == (0, 1, 0)


async def delete(scene: Scene) -> None:
    """Catches: a row that is gone and stays."""
    scene.add(MANY)
    assert_proven(await scene.sync())
    gone = scene.rows.keys()[MANY // 2]
    scene.rows.delete(gone)
    loaded = (await settled(scene)).loaded
    assert (loaded.inserted, loaded.updated, loaded.deleted) == (0, 0, 1)
    assert [row["key"] for row in scene.held(deleted=True)] == [gone]


async def refused_credential(scene: Scene) -> None:
    """401 in mid-run. Catches: a refusal taken for the end of the list."""
    scene.add(MANY)
    scene.fail(401, at=FROM_THE_SECOND)
    assert_honest(scene, await scene.sync(), "failed")
    await settled(scene)


async def too_many_requests(scene: Scene) -> None:
    """429 once, with a wait that is kept; then with an hour to wait. Catches: a 429 taken for the end of the list."""
    scene.add(MANY)
    wait = 6.0
    scene.fail(429, at=frozenset({2}), retry_after="seconds", wait=wait)
    assert_proven(await scene.sync())
    assert_whole(scene)
    asked = scene.asked()
    struck = next(one for one in asked if one.status == 429)
    early = [one for one in asked if struck.at < one.at < struck.at + wait / PACE]
    assert len(early) <= 1, "asked again before the time; one may have been on its way"


async def an_hour_to_wait(scene: Scene) -> None:
    """429 with a wait of an hour. Catches: a pause taken for the end of the list."""
    scene.add(MANY)
    scene.fail(429, at=FROM_THE_SECOND, retry_after="seconds", wait=3600.0)
    receipt = await scene.sync()
    assert_honest(scene, receipt, "paused")
    assert receipt.resume_at is not None
    scene.time.pass_by(HOUR)
    await settled(scene)


async def server_error(scene: Scene) -> None:
    """503 once. Catches: a connector that does not try again."""
    scene.add(MANY)
    scene.fail(503, at=frozenset({2}))
    assert_proven(await scene.sync())
    assert_whole(scene)


async def source_down(scene: Scene) -> None:
    """500 from the second page on. Catches: an error taken for the end of the list."""
    scene.add(MANY)
    scene.fail(500, at=FROM_THE_SECOND)
    assert_honest(scene, await scene.sync(), "failed")
    await settled(scene)


async def bad_record(scene: Scene) -> None:
    """One record breaks its contract. Catches: a record that stops the rest, or is left out in silence."""
    scene.add(MANY)
    broken = scene.rows.keys()[MANY // 2]
    field = next(iter(scene.rows.bad))
    good = next(row for row in scene.rows.every() if row["id"] == broken)[field]
    scene.rows.edit(broken, **scene.rows.bad)
    receipt = await scene.sync()
    assert receipt.outcome == "unproven", f"{receipt.outcome}: {receipt.error}"
    assert (receipt.loaded.dead_letters, scene.letters()) == (1, 1)
    assert {row["key"] for row in scene.held()} == scene.rows.true().keys() - {broken}
    scene.rows.edit(broken, **{field: good})
    await settled(scene)
    assert scene.letters() == 0


async def unknown_field(scene: Scene) -> None:
    """Catches: a field that nobody declared, and that is dropped."""
    scene.add(MANY)
    chosen = scene.rows.keys()[MANY // 2]
    scene.rows.edit(chosen, colour_of_the_day="blue")
    assert_proven(await scene.sync())
    assert_whole(scene)
    [kept] = [row["extra"] for row in scene.held() if row["key"] == chosen]
    assert '"colour_of_the_day": "blue"' in (kept or "")


async def empty(scene: Scene) -> None:
    """Catches: an empty list taken for an error. What comes later comes in."""
    assert_proven(await scene.sync())
    assert_whole(scene)
    scene.add(PAGE + 1)
    await settled(scene)


async def foreign_origin(scene: Scene) -> None:
    """Answers that lead elsewhere. Catches: a request, or a credential, for anybody but the source."""
    scene.add(MANY)
    async with stranger() as (address, seen):
        scene.fail("redirect", at=frozenset({2}), location=f"{address}/")
        receipt = await scene.sync()
        assert_honest(scene, receipt, "failed")
        scene.fail("foreign_next", first=2, location=f"{address}/")
        receipt = await scene.sync()
        assert receipt.outcome in ("ok", "failed"), receipt.error
        assert seen == [], f"another server was asked: {seen}"
    await settled(scene)


Case = Callable[[Scene], Awaitable[None]]
CASES: Mapping[str, Case] = {
    case.__name__: case
    for case in (
        *(first_sync, slow_source, nothing_new, kept_pages, resume_after_kill, drift, tie, edit, delete),
        *(refused_credential, too_many_requests, an_hour_to_wait, server_error, source_down),
        *(bad_record, unknown_field, empty, foreign_origin),
    )
}
