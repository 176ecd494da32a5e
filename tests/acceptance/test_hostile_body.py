"""A body without measure: what it costs the process that reads it."""

import os
import subprocess
import sys
from pathlib import Path

from connectors.simulator.script import Fault
from connectors.simulator.server import serve_in_thread
from connectors.simulator.year import generate

ROOT = Path(__file__).parents[2]
TOKEN = "t0ken-of-the-test"

MOST_MEMORY = 300  # MB
# A small process in between: what a child has used at most begins with what its parent used.
MEASURED = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""


def test_half_a_gigabyte_of_blanks_costs_the_process_no_memory(tmp_path: Path) -> None:
    """The command as a process of its own."""
    with serve_in_thread(generate(1, 30), tokens={TOKEN: "demo"}) as one:
        one.script.faults.append(Fault("bomb", "list"))
        (tmp_path / "config.yaml").write_text(
            f"""version: 1
sources: [{{system: voki, name: hostile, tenant: demo, base_url: '{one.base_url}', auth: {{token: {TOKEN}}},
           streams: [evaluations]}}]"""
        )
        command = [sys.executable, "-c", MEASURED, sys.executable, "-m", "pipeline", "sync", "--json"]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        measured = subprocess.run(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, check=True)
    code, kilobytes = map(int, measured.stdout.split())
    assert code == 1
    assert kilobytes / 1024 < MOST_MEMORY
