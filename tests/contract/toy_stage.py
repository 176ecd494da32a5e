"""The toy on the stage. As a program, with an address, a folder and a stream, it is a run of the toy by itself."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from contract.stage import PAGE, Rows, Scene, Time, configured
from contract.toy import MIGRATION, TOY, ToySource
from contract.toy_source import TOKEN, serve

from connectors.registry import SOURCES, Connector
from connectors.simulator.script import Script
from pipeline.config import Config, Source
from pipeline.destinations.warehouse import connect
from pipeline.folders import Folders
from pipeline.run import run

OPTIONS: Mapping[str, Any] = {}


def config_of(base_url: str, folder: Path, stream: str) -> Config:
    """A config with the toy's section: the union of systems in the product is closed."""
    config, _ = configured(folder, "system: voki", "simulator: {seed: 7}")
    section = ToySource.model_validate(
        {
            "name": "demo",
            "system": "toy",
            "base_url": base_url,
            "auth": {"token": TOKEN},
            "streams": (stream,),
            "page_size": PAGE,
        }
    )
    return config.model_copy(update={"sources": (cast("Source", section),)})


@asynccontextmanager
async def open_scene(stream: str, folder: Path, connector: Connector = TOY) -> AsyncIterator[Scene]:
    script, time = Script(), Time()
    async with serve(script, time.calendar) as book:
        config = config_of(book.base_url, folder, stream)
        with connect(Folders(config.data_dir).warehouse) as db:
            db.execute(MIGRATION)
        table, column = (book.notes, "text") if stream == "notes" else (book.guests, "name")
        yield Scene(
            config=config,
            connectors={**SOURCES, "toy": connector},
            rows=Rows(table.insert, table.edit, table.delete, table.rows, column, {column: 7}),
            endpoint=stream,
            path=f"/{stream}",
            script=script,
            log=book.log,
            time=time,
            command=(sys.executable, __file__, book.base_url, str(folder), stream),
        )


if __name__ == "__main__":
    asyncio.run(run(config_of(sys.argv[1], Path(sys.argv[2]), sys.argv[3]), connectors={"toy": TOY}))
