"""The order in which a sync reaches the disk, seen with strace on a real one; a power cut keeps what was fsynced.

A name (of a file, link or folder) is durable when its folder was fsynced after it was made, a file's content when
the file was. Three moments are checked: a page before the warehouse builds on it, the snapshot before its folder
is renamed, and everything before `current` is swapped and after.
Kills: any one fsync left out of replace_file (file, folder), package.start, private_folder, the Parquet files, the
copy of the warehouse, the snapshot's folders, the rename of the snapshot, the swap, a new warehouse, a new ledger; a
rename before the fsync; `current` removed before it is made anew.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from nightly import ROOT, Account, account, command

from connectors.simulator.year import generate

MAKING = "openat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat"
CALLS = f"{MAKING},fsync,fdatasync,unlink,unlinkat,rmdir"
DATABASES = re.compile(r"/state/\w+\.(sqlite|duckdb)[\w.-]*$|/\.writable\.tmp$")  # they see to themselves


@dataclass(frozen=True, slots=True)
class Event:
    call: str
    paths: tuple[str, ...]
    text: str


@dataclass(slots=True)
class Disk:
    """What a power cut would take."""

    names: set[str] = field(default_factory=set)  # made, and their folder not fsynced since
    contents: set[str] = field(default_factory=set)  # opened for writing, and not fsynced since

    def see(self, event: Event) -> None:
        match event.call:
            case "openat" if re.search(r"O_WRONLY|O_RDWR", event.text):
                self.contents.add(event.paths[0])
                if "O_CREAT" in event.text:
                    self.names.add(event.paths[0])
            case "fsync" | "fdatasync":
                place = event.paths[0]
                self.contents.discard(place)
                self.names -= {name for name in self.names if str(Path(name).parent) == place}
            case "mkdir" | "mkdirat" | "link" | "linkat" | "symlink" | "symlinkat":
                self.names.add(event.paths[-1])
            case "rename" | "renameat" | "renameat2":
                self._rename(*event.paths)
            case "unlink" | "unlinkat" | "rmdir":
                self._drop(event.paths[0])

    def lost_below(self, folder: Path | str) -> list[str]:
        return sorted(path for path in self.names | self.contents if path.startswith(f"{folder}/"))

    def _rename(self, old: str, new: str) -> None:
        def moved(path: str) -> str:
            return new + path.removeprefix(old) if path == old or path.startswith(f"{old}/") else path

        self.names, self.contents = set(map(moved, self.names)), set(map(moved, self.contents))
        self.names.add(new)

    def _drop(self, place: str) -> None:
        self.names.discard(place)
        self.contents.discard(place)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    """The data folder of a second night, and what happened below it. The packages of the first are gone."""
    folder = tmp_path_factory.mktemp("traced")
    with account(generate(5, 400), folder) as demo:
        assert demo.sync().outcome == "ok"
        shutil.rmtree(demo.data / "state" / "packages")
        demo.now += timedelta(hours=1)
        demo.insert(timedelta(minutes=5))
        return demo.data, list(trace(demo, folder / "trace"))


def trace(demo: Account, file: Path) -> Iterator[Event]:
    done = command(demo.write_config(), "sync", "--json", before=strace(file))
    assert done.returncode == 0, done.stderr
    for event in below(demo.data, file):
        if event.call == "fdatasync" and event.paths[0].endswith("state/warehouse.duckdb.wal"):
            yield Event("commit", event.paths, event.text)
        elif not DATABASES.search(event.paths[-1]):
            yield event


def strace(file: Path) -> list[str]:
    """What goes in front of a command whose calls are to be seen."""
    if shutil.which("strace") is None:
        pytest.fail(
            "strace is not installed: the order of fsyncs cannot be shown without it (apt-get install strace)"
        )
    return ["strace", "-f", "-y", "-qq", "-s", "0", "-o", str(file), "-e", f"trace={CALLS}"]


def below(folder: Path, file: Path) -> Iterator[Event]:
    """The calls that were traced, where the last path that they name is the folder or below it."""
    halves: dict[str, str] = {}
    for line in file.read_text().splitlines():
        pid, _, text = line.partition(" ")
        text = text.strip()
        if text.endswith("<unfinished ...>"):
            halves[pid] = text.removesuffix("<unfinished ...>").rstrip()
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>", text):
            text = halves.pop(pid, "") + text[resumed.end() :]
        if not re.search(r"\) += \d", text):
            continue  # refused, or a signal
        call = text.partition("(")[0]
        paths = re.findall(r"\d<([^>]*)>\)", text) if "sync" in call else re.findall(r'"([^"]*)"', text)
        if paths[-1:] == [str(folder)] or "".join(paths[-1:]).startswith(f"{folder}/"):
            yield Event(call, tuple(paths), text)


def replay(events: list[Event]) -> Iterator[tuple[Event, Disk]]:
    """Each event with the disk as it is just before."""
    disk = Disk()
    for event in events:
        yield event, disk
        disk.see(event)


def test_a_page_is_durable_before_the_warehouse_builds_on_it(traced: tuple[Path, list[Event]]) -> None:
    data, events = traced
    sealed = commits = 0
    for event, disk in replay(events):
        if event.call in ("rename", "link") and event.paths[1].endswith((".page", "pass.json", "done")):
            sealed += 1
            assert event.paths[0] not in disk.contents, "renamed before its content was fsynced"
        if event.call == "link" and event.paths[1].endswith(".page"):
            assert str(Path(event.paths[1]).parent) not in disk.names, "sealed in a pass that may be gone"
        if event.call == "commit":
            commits += sealed > 0
            assert disk.lost_below(data / "state" / "packages") == []
    assert sealed == 3
    assert commits


def test_a_snapshot_is_durable_before_it_is_renamed_and_before_it_is_current(
    traced: tuple[Path, list[Event]],
) -> None:
    data, events = traced
    assert {"link", "mkdir", "symlink"} <= {event.call for event in events}
    steps = []
    for event, disk in replay(events):
        if event.call == "rename" and Path(event.paths[1]).parent == data / "snapshots":
            steps.append("rename")
            assert disk.lost_below(event.paths[0]) == []
        if event.call == "rename" and event.paths[1] == str(data / "current"):
            steps.append("swap")
            assert disk.lost_below(data / "snapshots") == []
    assert steps == ["rename", "swap"]
    # `current` is there at every moment: no reader is fast enough to show the lack of it.
    removed = [event.paths[0] for event in events if event.call in ("unlink", "unlinkat", "rename")]
    assert str(data / "current") not in removed


def test_nothing_is_left_to_a_power_cut_at_the_end(traced: tuple[Path, list[Event]]) -> None:
    data, events = traced
    disk = Disk()
    for event in events:
        disk.see(event)
    assert disk.lost_below(data) == []


FIRST = """
import sys
from pathlib import Path
from connectors.grants_file import open_file
from pipeline.destinations.warehouse import Warehouse
folder = Path(sys.argv[1])
open_file(folder / "budget.sqlite", lambda file: None).close()
warehouse = Warehouse(folder / "warehouse.duckdb")
with warehouse.opened():
    pass
warehouse.close()
"""


@pytest.mark.parametrize("name", ["budget.sqlite", "warehouse.duckdb"])
def test_a_new_file_is_whole_and_keeps_its_name_before_it_is_used(name: str, first: list[Event]) -> None:
    """A ledger that a power cut takes away would be a whole budget once more."""
    [(made, disk)] = [
        (n, disk.contents.copy())
        for n, (event, disk) in enumerate(replay(first))
        if event.call in ("rename", "link") and event.paths[-1].endswith(f"/{name}")
    ]
    draft, place = first[made].paths
    assert draft not in disk, "it has its name before its content was fsynced"
    folder = str(Path(place).parent)
    later = [
        event.call
        for event in first[made:]
        if (event.call, *event.paths) == ("fsync", folder) or event.paths[0] == place
    ]
    assert later[0] == "fsync", "it is used before its folder was fsynced"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """What happens below a folder in which the first run makes its files."""
    folder = tmp_path_factory.mktemp("first")
    file = folder.with_suffix(".trace")
    line = [*strace(file), sys.executable, "-c", FIRST, str(folder)]
    done = subprocess.run(
        line, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(below(folder, file))
