"""What a process costs: seconds of the wall and of the CPU, and memory at its peak. Knows nothing of what it does."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.05  # seconds between two looks at the memory of a tree of processes
KIB = 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a process and all that it started."""

    wall: float
    cpu: float
    memory: float  # MB; of several processes the largest sum that was seen
    code: int
    ended: float  # by the clock of the wall


def measured(line: Sequence[str | Path], env: Mapping[str, str], log: Path) -> Cost:
    """Run a command to its end; what it prints goes to `log`."""
    peak = [0]
    over = threading.Event()
    with log.open("wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in line], env=dict(env), stdout=out, stderr=subprocess.STDOUT
        )
        watching = threading.Thread(target=_watch, args=(process.pid, peak, over))
        watching.start()
        _, status, used = os.wait4(process.pid, 0)
        wall, ended = time.perf_counter() - began, time.time()
        process.returncode = os.waitstatus_to_exitcode(status)
    over.set()
    watching.join()
    memory = max(used.ru_maxrss * KIB, peak[0]) / 1e6
    return Cost(wall, used.ru_utime + used.ru_stime, memory, process.returncode, ended)


def _watch(pid: int, peak: list[int], over: threading.Event) -> None:
    while not over.wait(EVERY):
        peak[0] = max(peak[0], sum(_resident(one) for one in _tree(pid)))


def _tree(pid: int) -> list[int]:
    """A process and those below it; one that has just ended is left out."""
    found = [pid]
    for place in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = place.read_text().split()
        except OSError:
            continue
        for child in children:
            found += _tree(int(child))
    return found


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
