"""The program as a person or a script starts it: a real process, its exit code, one JSON document on stdout."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
SIMULATED = """
version: 1
sources:
  - name: demo
    system: voki
    streams: [evaluations]
    simulator: {seed: 3, evaluations: 300}
"""


def evalsync(
    folder: Path, *words: str, answers: str | None = None, **env: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        cwd=folder,
        input=answers,
        env={**os.environ, "PYTHONPATH": str(REPO), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def document(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    return json.loads(done.stdout)
