"""Outcomes and errors as exit codes: the edge of every command, and the only `except Exception` of the project.

0 all done and proven, or paused with everything so far safe     1 a stream failed, or a defect
2 usage or configuration     3 loaded, but not proven equal to the source
75 another run holds the lease     130, 143 stopped by a signal, at the edge of a page
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import ConfigError, EvalsyncError, WarehouseBusy

OUTCOMES = {"ok": 0, "paused": 0, "failed": 1, "unproven": 3}
INTERRUPTED = 130


def exit_code(outcome: str, signal_number: int) -> int:
    """A signal counts more than what the run achieved before it."""
    return 128 + signal_number if signal_number else OUTCOMES[outcome]


@contextmanager
def errors_as_exits() -> Iterator[None]:
    """An error becomes one sentence on stderr and its exit code."""
    try:
        yield
    except ConfigError as error:
        _leave(str(error), 2)
    except WarehouseBusy as error:
        _leave(str(error), 75)
    except EvalsyncError as error:
        _leave(str(error), 1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(INTERRUPTED)
    except Exception as error:
        if os.environ.get("EVALSYNC_DEBUG"):
            raise
        # A traceback could hold a secret or a comment: only on request.
        _leave(f"a defect ({type(error).__name__}); nothing is lost. EVALSYNC_DEBUG=1 shows where", 1)


def _leave(sentence: str, code: int) -> None:
    sys.stderr.write(f"evalsync: {sentence}\n")
    sys.exit(code)
