"""Dead letters: what broke its contract, why, and another try under today's contract. Sends no request."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.clock import system_clock
from connectors.source import EPOCH, Account, Stream
from pipeline.accounts import account_of, streams_of
from pipeline.config import Config
from pipeline.destinations.warehouse import connect, rows
from pipeline.folders import Folders
from pipeline.lease import Held, hold
from pipeline.notes import Note
from pipeline.passes import packed
from pipeline.present import apply_settings, present
from pipeline.receipt import iso
from pipeline.run import privacy_of
from pipeline.statements import statement
from pipeline.validate import judge


async def letters(config: Config, source: str | None) -> list[dict[str, Any]]:
    """Source, stream, record_key, reason, pointer, first_seen_at of every dead letter; never the record itself."""
    path = Folders(config.data_dir).warehouse
    if not path.exists():
        return []

    def read() -> list[dict[str, Any]]:
        with connect(path) as db:
            return rows(db, statement("status/dead_letters"), {"source": source})

    found = await asyncio.to_thread(read)
    return [
        {name: iso(value) if isinstance(value, datetime) else value for name, value in one.items()}
        for one in found
    ]


async def replay(config: Config) -> tuple[int, int]:
    """(records that are valid now and loaded, records that are still dead letters)."""
    async with hold(config, system_clock(), asyncio.Event()) as held:
        healed, left = 0, 0
        for account in map(account_of, config.sources):
            for stream in streams_of(account):
                valid, dead = await _try_again(held, account, stream)
                healed, left = healed + valid, left + dead
        if healed:
            await apply_settings(held.store, config)
            await present(held)
        return healed, left


async def _try_again(held: Held, account: Account, stream: Stream) -> tuple[int, int]:
    """Load what of a stream's letters is valid today; each as the source had it when it was last seen."""
    values = {"source": account.name, "stream": stream.name}
    privacy = replace(privacy_of(held.config), again=True)
    found = await held.store.use(lambda db: rows(db, statement("load/letters"), values))
    pages = [
        judge(stream, number, one["last_seen_at"], [json.loads(one["raw"])], privacy)
        for number, one in enumerate(found, 1)
    ]
    note = Note(
        tenant=account.tenant,
        run_id=held.run_id,
        pass_id=f"{held.run_id}-letters",
        first_page=1,
        last_page=1,
        pages=0,
        begin=EPOCH,
        oldest=EPOCH,
        watermark=None,
        loaded_at=held.clock.now(),
    )
    made = packed(account.name, stream, note, pages)
    if made.table.num_rows:
        await held.store.load(made, note)
    return made.table.num_rows, len(made.dead)
