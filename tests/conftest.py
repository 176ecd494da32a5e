"""The long files first, so that the workers end together; and an account that was synced once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from nightly import Account, copy_of, synced_once

LONG = ("test_kills", "test_moving_sync", "test_wrong_answers", "test_readers", "test_moving_quality")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return synced_once(tmp_path_factory.mktemp("synced"))


@pytest.fixture
def demo(synced: Account, tmp_path: Path) -> Iterator[Account]:
    """A copy of it, for one test."""
    with copy_of(synced, tmp_path) as demo:
        yield demo
