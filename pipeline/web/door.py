"""The door of the dashboard: the address it listens on. What answers behind it can be changed while it is open.

Promises that nobody is turned away while the configuration changes, and that an address which cannot be had is refused
in words before anything of the old one is given up.
"""

import asyncio
import socket
from dataclasses import dataclass

from aiohttp import web

from connectors.clock import Clock
from pipeline.config import Config, Serve
from pipeline.web.app import make_app, make_runner
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Answering:
    """An application behind a listening socket."""

    serve: Serve
    listening: socket.socket
    runner: web.AppRunner

    @property
    def address(self) -> str:
        """Where people look; the port is the one that was given out where any will do."""
        host = f"[{self.serve.host}]" if ":" in self.serve.host else self.serve.host
        return f"http://{host}:{self.listening.getsockname()[1]}/"


class Door:
    """Owns the listening socket and the application that answers."""

    def __init__(self) -> None:
        self._now: Answering | None = None

    async def open(self, config: Config, clock: Clock) -> str:
        """Let this configuration's application answer, and where. Raises ConfigError; then all is as it was."""
        runner, old = make_runner(make_app(config, clock=clock)), self._now
        if old is not None and _place(old.serve) == _place(config.serve):
            listening = old.listening
        else:
            listening = await asyncio.to_thread(_listen, config.serve)
        await runner.setup()
        await web.SockSite(runner, listening.dup()).start()
        self._now = Answering(config.serve, listening, runner)
        if old is not None:
            if old.listening is not listening:
                old.listening.close()
            await old.runner.cleanup()
        return self._now.address

    async def close(self) -> None:
        if self._now is not None:
            self._now.listening.close()
            await self._now.runner.cleanup()


def _place(serve: Serve) -> tuple[str, int]:
    return serve.host, serve.port


def _listen(serve: Serve) -> socket.socket:
    family = socket.AF_INET6 if ":" in serve.host else socket.AF_INET
    try:
        return socket.create_server(_place(serve), family=family, backlog=128)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        raise ConfigError(
            f"serve: cannot listen on {serve.host}, port {serve.port} ({reason}): stop who does, or choose"
            " another port"
        ) from None
