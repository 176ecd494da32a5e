"""`make bench`: evalsync, its rivals and the probe in turn on the same pages; stages, growth, pace. Writes RESULTS.md.

    make bench                                      everything, in about twenty minutes on two calm cores
    make bench BENCH="--parts contest --rows 1000000 --only evalsync,probe --rounds 5"    these figures anew
    make bench BENCH="--parts growth --rows 10000000"    also ten million rows (8 GB of memory, several minutes)

What is not measured anew keeps its figures in RESULTS.json. Exit code 1 where a run fails or evalsync's rows are wrong.
"""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks import contest, growth, paced, pages, plot, report, results, stages
from benchmarks.results import Entry, Results, Run

PARTS = ("contest", "stages", "growth", "starts", "paced")
CONTESTS = ((100_000, 1000, 3), (1_000_000, 1000, 3), (100_000, 100, 1))  # rows, a page, rounds
SIZES = (100_000, 1_000_000)
STAGED = 100_000
LOOKS = 500  # pages that tell how fast the server is
SLOW = 1_000_000  # rows from which the slow ones run once


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--parts", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    asked.add_argument("--rows", type=int, help="this size instead of the usual ones")
    asked.add_argument("--page-size", type=int, default=1000)
    asked.add_argument("--rounds", type=int)
    asked.add_argument("--only", default="", help=f"some of {','.join(contest.TITLES)}")
    said = asked.parse_args()
    kept = results.read()
    kept.machine = results.machine()
    contests = ((said.rows, said.page_size, 3),) if said.rows else CONTESTS
    sizes = (said.rows,) if said.rows else SIZES
    work: dict[str, Callable[[], None]] = {
        "contest": lambda: hold(kept, contests, said.rounds, said.only),
        "stages": lambda: measure_stages(kept, said.rows or STAGED),
        "growth": lambda: measure_growth(kept, sizes),
        "starts": lambda: kept.figures.update(paced.starts()),
        "paced": lambda: kept.figures.update(paced.measure()),
    }
    wanted = said.parts.split(",")
    if unknown := [part for part in wanted if part not in work]:
        raise SystemExit(f"there is no part {unknown[0]}; there are: {', '.join(PARTS)}")
    for part in wanted:
        print(f"-- {part}", flush=True)
        work[part]()
        keep(kept)


def keep(kept: Results) -> None:
    results.write(kept)
    report.write(kept)


def hold(kept: Results, contests: tuple[tuple[int, int, int], ...], rounds: int | None, only: str) -> None:
    """The contests, each round by round, so that a busy minute strikes everybody."""
    for rows, page_size, usual in contests:
        names = contest.chosen([name for name in only.split(",") if name], rows)
        for name in names:
            contest.versions(name)  # every environment is there before the first run
        with pages.serving(rows) as served:
            kept.server[f"{rows}x{page_size}"] = judge_server(served, rows, page_size)
            runs: dict[str, list[Run]] = {name: [] for name in names}
            for turn in range(rounds or usual):
                for name in names:
                    if turn and rows >= SLOW and contest.slow(name):
                        continue
                    one = contest.run(name, served, page_size)
                    runs[name].append(one)
                    told = "" if one.right else ", WRONG ROWS"
                    print(
                        f"{rows:,} x {page_size}: {name} {one.wall:.1f} s, {one.cpu:.1f} s CPU{told}",
                        flush=True,
                    )
        day = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        entries = kept.contests.setdefault(f"{rows}x{page_size}", {})
        entries.update({name: Entry(found, contest.versions(name), day) for name, found in runs.items()})
        keep(kept)


def judge_server(served: pages.Served, rows: int, page_size: int) -> dict[str, float]:
    """What the server can do, and what a page costs it."""
    before = served.cpu()
    speed = pages.speed(served.url, page_size, max(rows // page_size, 1), LOOKS)
    return {"pages": speed, "cpu": (served.cpu() - before) / LOOKS, "row_bytes": served.row_bytes}


def measure_stages(kept: Results, rows: int) -> None:
    kept.stages[str(rows)] = stages.measure(rows)


def measure_growth(kept: Results, sizes: tuple[int, ...]) -> None:
    for rows in sizes:
        kept.growth[str(rows)] = growth.measure(rows)
        print(f"{rows:,}: {kept.growth[str(rows)]}", flush=True)
        plot.write(kept.growth)
        keep(kept)


if __name__ == "__main__":
    main()
