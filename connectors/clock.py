"""Time as an argument: what the time is, and how to wait.

Promises that nothing in connectors/ or pipeline/ asks the machine for the time except through a Clock,
so that a day of budget is tested in milliseconds. `wall` can jump (people, NTP); `steady` never does while
`boot` stays the same, and counts a machine's sleep where the platform tells it (Linux: CLOCK_BOOTTIME).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Clock:
    wall: Callable[[], float]  # seconds since 1970
    steady: Callable[[], float]  # seconds since some moment of this boot
    sleep: Callable[[float], Awaitable[None]]
    boot: str  # names the boot; empty where the platform does not tell: then only `wall` is used

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC)


def system_clock() -> Clock:
    boot_file = Path("/proc/sys/kernel/random/boot_id")
    boot = boot_file.read_text().strip() if boot_file.exists() else ""
    source = getattr(time, "CLOCK_BOOTTIME", None)
    steady = time.monotonic if source is None else lambda: time.clock_gettime(source)
    return Clock(wall=time.time, steady=steady, sleep=asyncio.sleep, boot=boot)
