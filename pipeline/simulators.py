"""The built-in simulator in the place of a real account: started for a source, ended with it.

Promises that the worlds of one config.yaml are made of its seeds alone, so that every run meets the same source, and
that its credentials open nothing but the simulator of this very run.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from connectors.simulator import server as voki
from connectors.simulator.evaluagent import server as evaluagent
from connectors.simulator.evaluagent import year as quality_year
from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.files import load_file
from connectors.simulator.world import UNTIL, World
from connectors.simulator.year import generate
from pipeline.config import EvaluagentSource, Source, VokiSource
from schemas.errors import ConfigError

TOKEN = "built-in"  # noqa: S105 - opens nothing but the simulator of this very run
Credentials = dict[str, SecretStr]


@asynccontextmanager
async def simulated(source: Source) -> AsyncIterator[tuple[str, Credentials]]:
    """Address and credentials of a running simulator."""
    if isinstance(source, EvaluagentSource):
        key = Key()
        async with evaluagent.serve(quality_world(source), keys=(key,)) as quality:
            pair = {"access_key_id": key.access_key_id, "secret_key": key.secret}
            yield quality.base_url, {name: SecretStr(value) for name, value in pair.items()}
        return
    world = voki_world(source)
    async with voki.serve(world, tokens={TOKEN: world.tenant}) as ratings:
        yield ratings.base_url, {"token": SecretStr(TOKEN)}


def voki_world(source: VokiSource) -> World:
    spec = source.simulator
    if spec is None:
        raise ConfigError(f"source {source.name}: has no simulator")
    if spec.file is None:
        return generate(spec.seed, spec.evaluations, tenant=source.tenant, until=spec.until or UNTIL)
    columns: dict[str, str] = {str(name): column for name, column in spec.columns.items()}
    try:
        return load_file(Path(spec.file), columns, tenant=source.tenant, until=spec.until)
    except ValueError as error:
        raise ConfigError(f"source {source.name}: simulator.file: {error}") from None


def quality_world(source: EvaluagentSource) -> QualityWorld:
    spec = source.simulator
    if spec is None:
        raise ConfigError(f"source {source.name}: has no simulator")
    until = spec.until or UNTIL
    return quality_year.generate(spec.seed, spec.evaluations, contract=source.tenant, until=until)


def simulate_both(
    seed: int,
    evaluations: int,
    quality_evaluations: int,
    *,
    token: str,
    port: int,
    tell: Callable[[str], None],
) -> int:
    """Both APIs on one port until a signal; that signal's number. `tell` gets the lines that say how to ask."""
    key = Key()

    def announce(simulator: voki.Simulator) -> None:
        address = f"{simulator.base_url}/api/v1/evaluations"
        tell(f"Voki: {address}  (tenant demo, Bearer {token})")
        tell(f"  curl -H 'Authorization: Bearer {token}' -H 'X-Tenant: demo' {address}/stats")
        address = f"{simulator.base_url}/v1/quality/evaluations"
        tell(f"evaluagent: {address}  (Basic, Access Key ID and Secret Key)")
        tell(f"  curl -u {key.access_key_id}:{key.secret} {simulator.base_url}/v1/ping")

    return voki.run_forever(
        generate(seed, evaluations),
        announce=announce,
        tokens={token: "demo"},
        port=port,
        quality=quality_year.generate(seed, quality_evaluations),
        keys=(key,),
    )
