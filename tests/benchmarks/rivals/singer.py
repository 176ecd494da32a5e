"""Singer: the tap beside this file, piped into target-duckdb, with large batches."""

import json
import subprocess
import sys
from pathlib import Path

BATCH = 100_000  # rows that the target loads at once


def main(url: str, page_size: str, folder: Path) -> int:
    tap, target = folder / "tap.json", folder / "target.json"
    tap.write_text(json.dumps({"url": url, "page_size": int(page_size)}))
    target.write_text(
        json.dumps(
            {
                "path": str(folder / "out.duckdb"),
                "default_target_schema": "voki",
                "batch_size_rows": BATCH,
                "flush_all_streams": False,
            }
        )
    )
    reading = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("singer_tap.py")), "--config", str(tap)],
        stdout=subprocess.PIPE,
    )
    writing = subprocess.run(
        [str(Path(sys.executable).with_name("target-duckdb")), "--config", str(target)],
        stdin=reading.stdout,
        check=False,
    )
    return reading.wait() or writing.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
