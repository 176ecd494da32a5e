"""The marts as they were at a moment: a file of their own, made from today's rows and their earlier versions.

Promises the very rows that the warehouse held at that moment, under today's settings (time zone, satisfied_from,
the mapping of agents); reads the newest snapshot only, changes nothing in it and sends nothing. The state of
the syncs (`sync_health`) is not part of it: watermarks and dead letters have no history.
"""

from datetime import datetime
from pathlib import Path

import duckdb

from pipeline import marts
from pipeline.destinations import tables
from pipeline.destinations.warehouse import SETTINGS, quoted
from pipeline.engines import DuckDBEngine
from pipeline.files import private_folder, temporary
from pipeline.folders import Folders, current
from pipeline.present import TABLES
from pipeline.statements import SQL, migrations
from schemas.errors import ConfigError, LoadError

NOT_OF_THE_PAST = "sync_health"


def build(folders: Folders, moment: datetime) -> Path:
    """Make `as_of/<moment>.duckdb` in the data folder, with core and marts as they were. Raises LoadError."""
    snapshot = current(folders.data)
    if snapshot is None:
        raise ConfigError("there is no snapshot yet: run `evalsync sync` first")
    path = private_folder(folders.data / "as_of") / f"{moment:%Y-%m-%dT%H%M%SZ}.duckdb"
    fresh = temporary(path)
    fresh.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(fresh), config=SETTINGS) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for _, sql in migrations():
                connection.execute(sql)
            connection.execute(f"ATTACH '{quoted(snapshot / 'warehouse.duckdb')}' AS today (READ_ONLY)")
            for contract in TABLES:
                tables.as_of(connection, contract, moment)
            for table in ("meta.settings", "meta.agents"):
                connection.execute(f"INSERT INTO {table} FROM today.{table}")
            shipped = [one for one in marts.load_marts(SQL / "marts") if one.name != NOT_OF_THE_PAST]
            marts.build(DuckDBEngine(connection), shipped)
            connection.execute("DETACH today")
    except duckdb.Error as error:
        raise LoadError(f"{path}: {str(error).splitlines()[0][:300]}") from None
    fresh.chmod(0o600)
    return fresh.replace(path)
