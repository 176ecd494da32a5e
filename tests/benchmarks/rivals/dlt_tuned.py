"""dlt tuned by somebody who knows it: a generator with a kept connection and orjson, rotated files that two workers
normalise side by side, Parquet between the stages, two loads at once, merge on the id.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TUNED = {
    "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "DATA_WRITER__FILE_MAX_ITEMS": "100000",
    "EXTRACT__WORKERS": "2",
    "NORMALIZE__WORKERS": "2",
    "NORMALIZE__START_METHOD": "spawn",
    "LOAD__WORKERS": "2",
}
os.environ.update(TUNED)  # dlt reads them when it is imported

import dlt  # noqa: E402
import orjson  # noqa: E402
import requests  # noqa: E402


def pages(url: str, page_size: str) -> Iterator[list[dict[str, Any]]]:
    with requests.Session() as session:
        number, last = 1, 1
        while number <= last:
            query = {"page_size": page_size, "sort_order": "asc", "page": str(number)}
            answer = session.get(f"{url}/api/v1/evaluations", params=query, timeout=60)
            answer.raise_for_status()
            body = orjson.loads(answer.content)
            yield body["data"]
            number, last = number + 1, body["meta"]["total_pages"]


def main(url: str, page_size: str, folder: Path) -> None:
    evaluations = dlt.resource(
        pages, name="evaluations", primary_key="id", write_disposition="merge", max_table_nesting=0
    )
    pipeline = dlt.pipeline(
        "voki",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "out.duckdb")),
        dataset_name="voki",
    )
    pipeline.run(evaluations(url, page_size), loader_file_format="parquet")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
