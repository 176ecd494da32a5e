"""`make mutants`: try every mutant of the table, and write tests/MUTANTS.md; `ONLY="4a 9b"` renews these rows alone.

First the named tests run without a mutant and have to be green. Exit code 1 where a mutant survived or is broken.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

from mutants import report
from mutants.table import Mutant, mutants, mutated
from mutants.trial import PATIENCE, Copy, Tried, copy_tree, run_tests, try_mutant

AT_ONCE = 2


def main(names: Sequence[str]) -> int:
    chosen = [one for one in mutants() if not names or one.name in names]
    for one in chosen:
        mutated(one)  # an edit that does not fit any more is said before anything is tried
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [copy_tree(Path(folder) / str(n)) for n in range(AT_ONCE)]
        tests = sorted({test for one in chosen for test in one.tests})
        verdict, test, told = run_tests(copies[0], tests, f"--timeout={PATIENCE}", "-n", str(AT_ONCE))
        if verdict != "survived":
            say(f"without a mutant {test or 'the tests'} should be green: {verdict}\n{told}")
            return 1
        say(f"{len(tests)} tests are green without a mutant")
        bad = 0
        for tried in try_all(chosen, copies):
            report.write([tried], datetime.now(UTC).date())
            bad += tried.verdict != "killed"
    return 1 if bad else 0


def try_all(chosen: Sequence[Mutant], copies: Sequence[Copy]) -> Iterator[Tried]:
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(mutant: Mutant) -> Tried:
        copy = free.get()
        try:
            tried = try_mutant(copy, mutant)
        finally:
            free.put(copy)
        last = tried.told.strip().splitlines()[:1] if tried.verdict == "killed" else [tried.told]
        say(f"{mutant.name:4} {tried.verdict:9}{tried.seconds:5.0f} s  {mutant.wrong}: {tried.test}", *last)
        return tried

    with ThreadPoolExecutor(len(copies)) as threads:
        yield from threads.map(one, chosen)


def say(*lines: str) -> None:
    sys.stdout.write("\n     ".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
