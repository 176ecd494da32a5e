"""A window against its source: compared, searched where it differs, read again there, and compared once more.

Promises bounded steps, and that every comparison that counts is recorded in meta.proofs.
"""

from dataclasses import replace

from connectors.source import SourceTotals, Window
from connectors.ties import count
from pipeline.job import Job
from pipeline.passes import Read, read_again
from pipeline.receipt import StreamReceipt
from pipeline.reconcile import Proof, compare
from pipeline.search import Part, search, to_read

SEARCHES = 2  # times that a window is searched for differences before it is called unproven
PAGES = 2  # a part of so many pages is read: to halve it further costs as much
SEARCH_REQUESTS = 24  # requests for totals that one search may spend


async def prove(job: Job, read: Read, receipt: StreamReceipt) -> StreamReceipt:
    """The receipt with the proof of what was read; the outcome is `unproven` where it could not be given."""
    proof = await compare_window(job, read.comparable, read.listed)
    for _ in range(SEARCHES):
        # Dead letters would not come by reading again; rows that were withheld would be marked deleted piecemeal.
        hopeless = proof.quarantined or receipt.loaded.withheld
        if not proof.differences() or hopeless or job.stop.is_set():
            break
        for part in await _differing(job, proof):
            receipt = replace(receipt, loaded=receipt.loaded + await read_again(job, part))
        proof = await compare_window(job, read.comparable, None)
    return await record(job, proof, receipt)


async def record(job: Job, proof: Proof, receipt: StreamReceipt) -> StreamReceipt:
    """Keep the proof; rows that vanished in numbers beyond belief make it unproven."""
    if receipt.loaded.withheld:
        proof = replace(proof, state="unproven", reason=beyond_belief(receipt))
    await job.store.record_proof(job.run_id, job.source, job.extraction.stream.name, proof)
    bad = proof.state == "unproven" or receipt.outcome == "unproven"
    return replace(receipt, proof=proof, outcome="unproven" if bad else "ok", error=proof.reason)


def beyond_belief(receipt: StreamReceipt) -> str:
    """Why a stream is unproven from which too many rows vanished at once."""
    return (
        f"{receipt.loaded.withheld} rows vanished at once and were kept: if the source purges old rows,"
        " declare retention"
    )


async def compare_window(job: Job, window: Window, listed: int | None) -> Proof:
    """`listed`: the list's own count of the window, where it is known already."""
    extraction = job.extraction
    if listed is None and extraction.stream.totals:
        listed = await count(extraction.stream, extraction.ask, window)
    totals = await totals_of(job, window, listed)
    loaded = await job.store.figures(job.source, job.tenant, extraction.stream, window)
    beside = listed if extraction.stream.totals else None
    return compare(window, totals, beside, loaded, job.clock.now())


async def totals_of(job: Job, window: Window, listed: int | None = None) -> SourceTotals:
    """The source's figures of a window: of its totals endpoint, or else the list's own count."""
    stream, extraction = job.extraction.stream, job.extraction
    if stream.totals:
        return await stream.totals(extraction.client, window)
    total = await count(stream, extraction.ask, window) if listed is None else listed
    return SourceTotals(total, {} if total is None else {"total": total})


async def search_window(job: Job, proof: Proof, requests: int) -> list[Part]:
    """Where a window differs, by the figures of the endpoint that differs: the totals', or the list's own count."""
    stream, extraction = job.extraction.stream, job.extraction
    by_list = stream.totals is None or proof.differences() == ["listed"]

    async def totals(part: Window) -> SourceTotals:
        if not by_list:
            return await totals_of(job, part)
        total = await count(stream, extraction.ask, part)
        return SourceTotals(total, {"total": total})

    known = {name: figure.source or 0 for name, figure in proof.figures.items() if not figure.derived}
    listed = known.pop("listed", None)
    whole = {"total": listed if listed is not None else known["total"]} if by_list else known
    return await search(
        proof.window,
        whole,
        stream.unit,
        PAGES * extraction.page_size,
        totals,
        lambda part: job.store.figures(job.source, job.tenant, stream, part),
        requests,
    )


async def _differing(job: Job, proof: Proof) -> list[Window]:
    if job.extraction.stream.walk == "list":
        return [proof.window]
    return to_read(await search_window(job, proof, SEARCH_REQUESTS))
