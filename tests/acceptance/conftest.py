"""What several acceptance tests share: a nursery of runs, warmed once."""

from collections.abc import Iterator

import pytest
from crash import Nursery, nursery


@pytest.fixture(scope="session")
def births(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with nursery(tmp_path_factory.mktemp("nursery")) as one:
        yield one
