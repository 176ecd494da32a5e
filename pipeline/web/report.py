"""One page to send by mail: the marts as charts and tables, the proofs, the streams and the last runs.

Promises that the file stands alone (no script, nothing from elsewhere), is whole or not there, is the owner's alone
(0600), and holds no comment of a customer, no customer's name and no place of this machine.
"""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.files import replace_file
from pipeline.folders import current
from pipeline.web.filters import Filters
from pipeline.web.health import Health, health
from pipeline.web.pages import STATIC, render
from pipeline.web.panels import Seen, look
from pipeline.web.sections import pictures
from schemas.errors import ConfigError, LoadError

TABLES = (
    "summary", "distribution", "trend", "departments", "agents", "quality", "quality_agents", "comparison", "proofs",
    "letters",
)  # fmt: skip
RUNS = 15


async def write_report(config: Config, path: Path, now: datetime) -> None:
    """The page at `path`. Raises LoadError where nothing is published, ConfigError where it cannot be written."""
    snapshot = current(config.data_dir)
    if snapshot is None:
        raise LoadError(f"nothing is published in {config.data_dir} yet: evalsync sync")
    state = await health(config, now)
    seen = await asyncio.to_thread(look, snapshot, Filters(), TABLES)
    page = draw_report(seen, state, now)
    try:
        await asyncio.to_thread(replace_file, path, page.encode())
    except OSError as error:
        raise ConfigError(f"--out: {path} cannot be written ({error.strerror}): name another file") from None


def draw_report(seen: Seen, state: Health, now: datetime) -> str:
    """HTML of one snapshot, of its usual period."""
    rows: dict[str, list[dict[str, Any]]] = {name: seen.rows(name) for name in TABLES}
    return render(
        "report.html",
        seen=seen,
        rows=rows,
        charts=pictures(seen, rows),
        health=state,
        runs=state.found["runs"][:RUNS],
        now=now,
        styles=(STATIC / "charts.css").read_text(encoding="utf-8"),
    )
