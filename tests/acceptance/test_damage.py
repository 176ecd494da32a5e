"""Damaged files of the data folder: noticed, named, and healed from what is kept, or by reading again; never believed.

The judges are the source's table and every byte of what readers see (remains.py).
Kills: a published file that is linked on although it has rotted; a damaged block that is copied to readers; a
warehouse that is made anew, and empty, over a damaged one; a load that was lost with a backup or a log of changes and
that no watermark shows; snapshots that are pruned by the clock.
"""

import random
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from crash import Nursery, Order, Step
from damage import cut, empty, flipped, garbage, header
from nightly import Account, account, command
from remains import assert_whole, home, kept, month, reading, rows_of, source, table

from pipeline.job import Asked
from pipeline.run import Request
from schemas.errors import LoadError

FLIPS, MANY_FLIPS = 1, 300  # of the warehouse, and of its log: in the suite, in the campaign
LONG = pytest.mark.campaign

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """An account that was synced once; it is copied and left as it is."""
    with account(month(5, 150), tmp_path_factory.mktemp("synced")) as demo:
        assert demo.sync().outcome == "ok"
    return demo


@pytest.fixture
def demo(synced: Account, tmp_path: Path) -> Iterator[Account]:
    with account(synced.world.snapshot(), tmp_path) as demo:
        copy(synced, demo)
        yield demo


def copy(synced: Account, demo: Account) -> None:
    shutil.rmtree(demo.data, ignore_errors=True)
    shutil.copytree(synced.data, demo.data, symlinks=True)


def state(demo: Account, name: str) -> Path:
    return demo.data / "state" / name


def equal(demo: Account) -> bool:
    """Whether the working file and what readers see are the source's table."""
    assert reading(demo.data) is not None
    truth = table(demo.world)
    return rows_of(state(demo, "warehouse.duckdb")) == truth == rows_of(demo.current() / "warehouse.duckdb")


# -- the working file ----------------------------------------------------------------------------------------


@LONG
@pytest.mark.parametrize("damage", [header, empty, garbage, cut])
def test_a_damaged_warehouse_is_named_and_kept_and_readers_see_nothing_of_it(
    demo: Account, damage: Damage
) -> None:
    path, before = state(demo, "warehouse.duckdb"), reading(demo.data)
    damage(path)
    said = refused(demo) or ""
    assert "warehouse.duckdb is damaged" in said
    assert "run `evalsync replay`" in said
    assert reading(demo.data) == before
    path.rename(path.with_name("away"))
    assert demo.sync(request=Request(asked=Asked(full=True))).outcome == "ok"
    assert equal(demo)


def test_the_command_says_so_with_its_code_and_replay_heals_without_a_request(demo: Account) -> None:
    garbage(state(demo, "warehouse.duckdb"))
    config, asked = demo.write_config(), len(demo.simulator.arrivals)
    done = command(config, "sync", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is damaged" in done.stderr
    done = command(config, "replay")
    assert done.returncode == 0, done.stderr
    assert len(demo.simulator.arrivals) == asked
    assert equal(demo)
    assert demo.sync().outcome == "ok"


def refused(demo: Account) -> str | None:
    """What a run says that could not go to its end; None where it could."""
    try:
        receipt = demo.sync()
    except LoadError as error:
        return str(error)
    if receipt.outcome == "ok":
        return None
    return " ".join([receipt.error or "", *(one.error or "" for one in receipt.streams)])


def flip_and_sync(synced: Account, demo: Account, dice: random.Random) -> None:
    """A damaged block is met by the run or it is read by nobody; readers get whole copies only."""
    copy(synced, demo)
    path, before = state(demo, "warehouse.duckdb"), reading(demo.data)
    flipped(path, dice.randrange(path.stat().st_size), 1 << dice.randrange(8))
    said = refused(demo)
    if said is None:
        assert equal(demo)
    else:
        assert "is damaged" in said
        assert reading(demo.data) == before


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("flips", [FLIPS, pytest.param(MANY_FLIPS, marks=LONG)])
def test_a_flipped_bit_anywhere_in_the_warehouse(flips: int, synced: Account, demo: Account) -> None:
    dice = random.Random(2)
    for _ in range(flips):
        flip_and_sync(synced, demo, dice)


def test_a_damaged_block_that_no_query_of_the_night_reads_is_not_published(demo: Account) -> None:
    """All blocks that hold a comment. Kills: a copy of the file without a look at it."""
    path, before = state(demo, "warehouse.duckdb"), reading(demo.data)
    content = path.read_bytes()
    with duckdb.connect(str(path), read_only=True) as db:
        rows = db.sql("SELECT column_name, block_id FROM pragma_storage_info('core.evaluations')").fetchall()
    blocks = {block for name, block in rows if name == "comment" and block >= 0}
    assert blocks
    for block in blocks:
        flipped(path, 3 * 4096 + block * 262_144 + 9)
    assert path.read_bytes() != content
    assert "is damaged" in (refused(demo) or "")
    assert reading(demo.data) == before


# -- what the warehouse has lost -----------------------------------------------------------------------------


def test_loads_that_are_lost_with_an_older_copy_come_again_from_their_packages(demo: Account) -> None:
    """Also those of a window before the watermark, which nothing in the warehouse would show."""
    path, older = state(demo, "warehouse.duckdb"), demo.folder / "older"
    shutil.copy(path, older)
    late = demo.insert(timedelta(days=20))
    again = Asked(since=demo.now - timedelta(days=25), until=demo.now - timedelta(days=15))
    assert demo.sync(request=Request(asked=again)).outcome == "ok"
    demo.now += timedelta(hours=1)
    demo.insert(timedelta(minutes=5))
    assert demo.sync().outcome == "ok"
    shutil.copy(older, path)
    asked = len(demo.simulator.log.of("/evaluations"))
    receipt = demo.sync()
    assert receipt.outcome == "ok"
    assert any("lost its loads" in warning for warning in receipt.warnings), receipt.warnings
    assert late in {row[0] for row in rows_of(path)}
    assert equal(demo)
    assert len(demo.simulator.log.of("/evaluations")) - asked <= 4  # a new window, and what is compared
    assert not demo.sync().warnings


@pytest.mark.parametrize("flips", [FLIPS, pytest.param(MANY_FLIPS, marks=LONG)])
def test_a_damaged_log_of_changes_loses_nothing(flips: int, births: Nursery, tmp_path: Path) -> None:
    """It may open silently short, as a clean prefix: the watermark inside of it goes back with the rows."""
    dice = random.Random(4)
    with source(month(5, 150)) as simulator:
        base = home(tmp_path / "base", simulator, 0)
        assert births.run(Order(base.config)).code == 0
        simulator.world.insert(simulator.world.until - timedelta(hours=1))
        assert births.run(Order(base.config, step=Step("ledger.Ledger.fence return", 6))).code == -9
        log = base.state / "warehouse.duckdb.wal"
        assert log.stat().st_size > 1000
        for number in range(flips):
            at = home(tmp_path / str(number), simulator, 1 + number)
            shutil.copytree(base.data, at.data, symlinks=True)
            spoiled = at.state / log.name
            flipped(spoiled, dice.randrange(spoiled.stat().st_size), 1 << dice.randrange(8))
            ended = births.run(Order(at.config))
            if ended.code:
                assert "is damaged" in ended.err
                spoiled.unlink()  # what is before it is whole
                assert kept(at).rows
                assert births.run(Order(at.config)).code == 0
            assert_whole(at, simulator.world)


# -- what readers see ----------------------------------------------------------------------------------------


def gone(path: Path) -> None:
    path.unlink()


def nonsense(path: Path) -> None:
    path.write_text('{"files": [{"path": 3}], "number": "x"}')


def middle(path: Path) -> None:
    flipped(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("evaluations/**/*.parquet", middle),
        ("manifest.json", nonsense),
        pytest.param("manifest.json", gone, marks=LONG),
        pytest.param("warehouse.duckdb", garbage, marks=LONG),
    ],
)
def test_a_rotten_file_of_a_snapshot_is_written_anew(demo: Account, name: str, damage: Damage) -> None:
    for path in demo.current().glob(name):
        damage(path)
    assert demo.sync().outcome == "ok"
    assert equal(demo)


def test_a_snapshot_that_is_gone_is_made_anew(demo: Account) -> None:
    shutil.rmtree(demo.current())
    assert demo.sync().outcome == "ok"
    assert equal(demo)
    (demo.data / "current").unlink()
    (demo.data / "current").symlink_to("nowhere")
    assert demo.sync().outcome == "ok"
    assert equal(demo)


def test_the_newest_snapshots_stay_also_when_the_clock_goes_back(demo: Account) -> None:
    """Run ids begin with the time of the run: the newest would sort first. Kills: pruning by name."""
    first = demo.current()
    first.rename(first.with_name("29990101T000000.000000Z-0000"))
    (demo.data / "current").unlink()
    (demo.data / "current").symlink_to("snapshots/29990101T000000.000000Z-0000")
    shown = []
    for _ in range(3):
        assert demo.sync().outcome == "ok"
        shown.append(demo.current())
    assert sorted((demo.data / "snapshots").iterdir()) == sorted(shown)
