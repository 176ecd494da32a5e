"""Packages: what is sealed comes back byte for byte or not at all, and what is missing is asked for again.

Kills: a checksum over the body alone (a flipped digit of `covers` is a gap that nobody sees); a page counted by
its name; a page that is sealed again under the number of one that is loaded already.
"""

import itertools
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.source import Answer, Page, Window
from pipeline import package
from pipeline.package import Pass, Sealed
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
    sealed = package.seal(one, 1, package.draft(page(window(0, 50), body, window(3, 50)), observed_at))
    silent = package.seal(one, 2, package.draft(page(None, body), observed_at))
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
    sealed = package.seal(one, 1, package.draft(page(window(0, 10)), BEGIN))
    (one.folder / ".000002.page.tmp").write_bytes(b"half")
    assert package.sealed(one) == [sealed]
    assert stat.S_IMODE(one.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (sealed.path, one.folder / "pass.json")} == {0o600}


def test_a_page_is_never_put_in_the_place_of_another(one: Pass) -> None:
    """Two runs may go on with one pass, where one of them was thought dead."""
    body = package.body(package.seal(one, 1, package.draft(page(window(0, 10), b"first"), BEGIN)))
    with pytest.raises(LoadError, match="lost its lease"):
        package.seal(one, 1, package.draft(page(window(0, 10), b"second"), BEGIN))
    assert [package.body(there) for there in package.sealed(one)] == [body]
    assert sorted(path.name for path in one.folder.iterdir()) == ["000001.page", "pass.json"]


def readable(one: Pass) -> list[bytes]:
    """The bodies of a pass's pages, as far as they are not damaged."""
    found = []
    for page in package.sealed(one):
        with suppress(LoadError):
            found.append(package.body(page))
    return found


def test_every_flipped_byte_of_a_page_is_noticed(one: Pass) -> None:
    """Head, checksums, line ends and body: each byte in turn, in one of its bits; and every shorter file."""
    path = package.seal(
        one, 1, package.draft(page(window(0, 10), b"0123456789" * 20, window(0, 9)), BEGIN)
    ).path
    whole = path.read_bytes()
    assert readable(one) == [b"0123456789" * 20]
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        assert readable(one) == []
        path.write_bytes(whole[:place])
        assert readable(one) == []


def test_every_flipped_byte_of_a_pass_is_noticed(one: Pass) -> None:
    """The window of such a pass is not known any more: it is closed, once."""
    path, folder = one.folder / "pass.json", one.folder.parent
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        assert package.unfinished(folder) == []
    path.write_bytes(whole)
    assert package.close_damaged(folder) == []
    assert package.unfinished(folder) == [one]
    path.write_bytes(whole[:-1])
    assert package.close_damaged(folder) == ["pass-1"]
    assert package.close_damaged(folder) == []


def test_a_page_that_is_set_aside_covers_nothing_and_keeps_its_number(one: Pass) -> None:
    pages = [
        package.seal(one, n, package.draft(page(window(10 * n, 10 * n + 10)), BEGIN)) for n in range(1, 4)
    ]
    pages[2].path.write_bytes(b"")
    assert package.set_aside_damaged(one) == ["000003.page"]
    assert package.set_aside_damaged(one) == []
    package.set_aside(pages[0].path)
    assert package.sealed(one) == [pages[1]]
    assert package.between(one.folder, 1, 3) == [pages[1]]
    assert package.newest_number(one) == 3


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
    (still_open.folder / "pass.json").unlink()  # killed before it began
    package.prune(tmp_path, timedelta(days=2), now + timedelta(days=3))
    assert not still_open.folder.exists()
