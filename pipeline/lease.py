"""Who may write: the lease of one run, held from start to end, with the folders and the store it stands for.

Promises one writer at a time; that the lease is given back whatever happens; that a run which loses it stops.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from connectors.clock import Clock
from pipeline.config import Config
from pipeline.destinations.store import Store
from pipeline.folders import Folders
from pipeline.ledger import Claim, Lease, Ledger
from pipeline.receipt import Receipt
from schemas.errors import EvalsyncError

log = structlog.get_logger()

SIGN_EVERY = 20.0  # seconds between two signs of life


@dataclass(slots=True)
class Held:
    """What the parts of one run share."""

    config: Config
    folders: Folders
    clock: Clock
    run_id: str
    store: Store
    began: datetime
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    receipt: Receipt | None = None  # set by the run, kept by the ledger


@asynccontextmanager
async def hold(
    config: Config,
    clock: Clock,
    stop: asyncio.Event,
    *,
    covers: Sequence[str] = (),
    claim: Claim | None = None,
) -> AsyncIterator[Held]:
    """Take the lease of the data folder. Raises WarehouseBusy naming the holder, and ConfigError.

    `covers` and `claim`: see `Ledger.acquire`.
    """
    folders = Folders(config.data_dir)
    folders.make()
    run_id = f"{clock.now():%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(2)}"
    ledger = Ledger(folders.ledger, clock)
    lease = ledger.acquire(run_id, covers, claim)
    held = Held(config, folders, clock, run_id, Store(folders, ledger, lease), clock.now(), stop)
    signs = asyncio.create_task(_signs_of_life(held, ledger, lease))
    outcome, told = "interrupted", dict[str, Any]()
    try:
        yield held
    except EvalsyncError as error:
        outcome, told = "failed", {"error": str(error)}
        raise
    finally:
        signs.cancel()
        await asyncio.gather(signs, return_exceptions=True)
        held.store.close()
        if held.receipt is not None:
            outcome, told = held.receipt.outcome, held.receipt.as_json()
        ledger.release(lease, outcome, told)


async def _signs_of_life(held: Held, ledger: Ledger, lease: Lease) -> None:
    while True:
        await asyncio.sleep(SIGN_EVERY)
        try:
            await asyncio.to_thread(ledger.sign, lease)
        except EvalsyncError as error:
            log.error("lease_lost", run_id=held.run_id, why=str(error))
            held.stop.set()  # no commit would succeed any more
            return
