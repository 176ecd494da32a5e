"""Packages: what is sealed comes back byte for byte or not at all, and what is missing is asked for again.

Kills: a checksum over the body alone (a flipped digit of `covers` is a gap that nobody sees); a page counted by
its name; a page that is sealed again under the number of one that is loaded already.
"""

import itertools
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nightly import Account, account

from connectors.simulator.year import generate
from connectors.source import Answer, Page, Window
from pipeline import package
from pipeline.destinations.warehouse import connect
from pipeline.package import Pass, Sealed
from pipeline.run import Request
from schemas.errors import LoadError

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def window(lower: int, upper: int) -> Window:
    return Window(BEGIN + timedelta(seconds=lower), BEGIN + timedelta(seconds=upper))


def page(
    covers: Window | None, body: bytes = b'{"data":[{"id":"a"}]}', certain: Window | None = None
) -> Page:
    return Page(Answer([{}], 1, complete=True, observed_at=BEGIN, body=body), covers, certain)


@pytest.fixture
def one(tmp_path: Path) -> Pass:
    return package.start(tmp_path / "stream", "pass-1", window(0, 100), advances=True)


@given(body=st.binary(max_size=300))
def test_a_page_comes_back_as_it_was_sealed(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    one = package.start(tmp_path_factory.mktemp("round"), "pass", window(0, 100), advances=False)
    observed_at = BEGIN + timedelta(microseconds=7)
    sealed = package.seal(one, 1, page(window(0, 50), body, window(3, 50)), observed_at)
    silent = package.seal(one, 2, page(None, body), observed_at)
    assert package.sealed(one) == [sealed, silent]
    assert [package.body(found) for found in (sealed, silent)] == [body, body]
    expected = Sealed(
        1, one.folder / "000001.page", 1, observed_at, window(0, 50), window(3, 50), complete=True
    )
    assert sealed == expected
    assert (silent.covers, silent.certain) == (None, None)


def test_a_pass_comes_back_until_it_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "stream"
    made = [package.start(folder, f"pass-{n}", window(n, 9), advances=n == 1) for n in (3, 1, 2)]
    assert package.unfinished(folder) == sorted(made, key=lambda one: one.id)
    package.finish(made[0])
    assert [one.id for one in package.unfinished(folder)] == ["pass-1", "pass-2"]
    (folder / "pass-0").mkdir()  # killed before it began
    assert [one.id for one in package.unfinished(folder)] == ["pass-1", "pass-2"]


def test_files_are_private_and_half_written_ones_are_no_pages(one: Pass) -> None:
    sealed = package.seal(one, 1, page(window(0, 10)), BEGIN)
    (one.folder / ".000002.page.tmp").write_bytes(b"half")
    assert package.sealed(one) == [sealed]
    assert stat.S_IMODE(one.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (sealed.path, one.folder / "pass.json")} == {0o600}


def test_every_flipped_byte_of_a_page_is_noticed(one: Pass) -> None:
    """Head, checksums, line ends and body: each byte in turn, in one of its bits."""
    path = package.seal(one, 1, page(window(0, 10), b"0123456789" * 20, window(0, 9)), BEGIN).path
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        with pytest.raises(LoadError, match=r"000001\.page is damaged"):
            [package.body(found) for found in package.sealed(one)]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(LoadError, match=r"000001\.page is damaged"):
            [package.body(found) for found in package.sealed(one)]


def test_every_flipped_byte_of_a_pass_is_noticed(one: Pass) -> None:
    path = one.folder / "pass.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        with pytest.raises(LoadError, match=r"pass\.json is damaged"):
            package.unfinished(one.folder.parent)


edges = st.tuples(st.integers(-5, 25), st.integers(-5, 25)).map(sorted)


@given(parts=st.lists(st.one_of(st.none(), edges), max_size=8))
def test_gaps_are_the_seconds_that_no_page_covers(parts: list[list[int] | None]) -> None:
    one = Pass("pass", Path(), window(0, 20), advances=True)
    covers = [None if part is None else window(*part) for part in parts]
    pages = [Sealed(n, Path(), 1, BEGIN, part, None, complete=False) for n, part in enumerate(covers)]
    gaps = package.gaps(one, pages)
    covered = {second for part in parts if part for second in range(*part)}
    missing = {
        int((gap.lower - BEGIN).total_seconds()) + n
        for gap in gaps
        for n in range((gap.upper - gap.lower).seconds)
    }
    assert missing == set(range(20)) - covered
    assert gaps == sorted(gaps)
    assert all(before.upper < after.lower for before, after in itertools.pairwise(gaps))


def test_finished_passes_go_after_their_time_and_open_ones_never(tmp_path: Path) -> None:
    folder = tmp_path / "demo" / "evaluations"
    done, still_open = (package.start(folder, name, window(0, 9), advances=True) for name in ("done", "open"))
    package.finish(done)
    now = datetime.now(UTC)
    package.prune(tmp_path, timedelta(days=2), now + timedelta(days=1))
    assert done.folder.exists()
    package.prune(tmp_path, timedelta(days=2), now + timedelta(days=3))
    assert not done.folder.exists()
    assert still_open.folder.exists()


@pytest.mark.parametrize("which", [0, 2, -1])
def test_a_damaged_page_stops_the_stream_and_is_asked_for_again_once_deleted(
    tmp_path: Path, which: int
) -> None:
    """Also the newest page, and also when all pages were loaded before the damage."""
    with account(generate(2, 900), tmp_path) as demo:
        assert demo.sync(request=Request(max_requests=6)).outcome == "paused"
        pages = sorted(demo.data.glob("state/packages/demo/evaluations/*/*.page"))
        content = pages[which].read_bytes()
        pages[which].write_bytes(content.replace(b'"covers"', b'"cOvers"', 1))
        receipt = demo.sync()
        assert receipt.outcome == "failed"
        assert f"{pages[which].name} is damaged: delete it" in str(receipt.streams[0].error)
        pages[which].unlink()
        before = len(demo.simulator.log.of("/evaluations"))
        receipt = demo.sync()
        assert receipt.outcome == "ok", receipt
        assert loaded(demo) == demo.world.ids()
        assert not list(package.unfinished(pages[0].parents[1]))
        # The lost page, the three that were never read, a link or two, and the lookback.
        assert len(demo.simulator.log.of("/evaluations")) - before <= 4 + 3


def loaded(demo: Account) -> set[str]:
    with connect(demo.data / "state/warehouse.duckdb", read_only=True) as db:
        return {key for (key,) in db.execute("SELECT evaluation_id FROM core.evaluations").fetchall()}
