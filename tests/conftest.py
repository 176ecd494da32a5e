"""The long files first, so that two workers end together; nothing else."""

import pytest

LONG = ("test_kills", "test_moving_sync", "test_wrong_answers", "test_readers", "test_moving_quality")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONG)
