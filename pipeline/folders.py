"""Where everything lies below the data folder. `state/` is private; `current/` is for readers."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.files import private_folder
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Folders:
    data: Path

    @property
    def state(self) -> Path:
        return self.data / "state"

    @property
    def warehouse(self) -> Path:
        return self.state / "warehouse.duckdb"

    @property
    def ledger(self) -> Path:
        return self.state / "ledger.sqlite"

    @property
    def budget(self) -> Path:
        return self.state / "budget.sqlite"

    @property
    def packages(self) -> Path:
        return self.state / "packages"

    def of_stream(self, source: str, stream: str) -> Path:
        return self.packages / source / stream.replace("/", "_")

    def make(self) -> None:
        """Raises ConfigError naming the folder that cannot be made or written."""
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            private_folder(self.state).chmod(0o700)
            private_folder(self.packages)
            probe = self.state / ".writable.tmp"
            probe.touch(mode=0o600)
            probe.unlink(missing_ok=True)  # another run may do the same just now
        except OSError as error:
            place = error.filename or self.data
            raise ConfigError(
                f"data_dir: {place} cannot be written ({error.strerror}); name another folder or free this one"
            ) from None


def current(data: Path) -> Path | None:
    """The newest snapshot's folder, resolved once, so that a reader stays within one snapshot."""
    link = data / "current"
    return link.resolve() if link.is_symlink() and link.exists() else None
