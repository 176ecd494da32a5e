"""dlt with a resource written by hand: pages go as Arrow tables, so that dlt does not touch a row; merge on the id."""

import os
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

os.environ.update({"NORMALIZE__WORKERS": "1", "LOAD__WORKERS": "2", "DATA_WRITER__FILE_MAX_ITEMS": "250000"})

import dlt
import pyarrow as pa
import pyarrow.json
import requests

AT_ONCE = 50  # pages that are read into one table
COLUMNS = pa.schema(
    [
        *(("id", pa.string()), ("call_id", pa.string()), ("rating", pa.int8()), ("comment", pa.string())),
        *(("customer_name", pa.string()), ("user_name", pa.string()), ("department_name", pa.string())),
        ("inserted_at", pa.timestamp("s", tz="UTC")),
    ]
)
ENVELOPE = pa.schema(
    [("data", pa.list_(pa.struct(list(COLUMNS)))), ("meta", pa.struct([("total_pages", pa.int64())]))]
)


def tables(url: str, page_size: str) -> Iterator[Any]:
    with requests.Session() as session:
        bodies: list[bytes] = []
        number, last = 1, 1
        while number <= last:
            query = {"page_size": page_size, "sort_order": "asc", "page": str(number)}
            answer = session.get(f"{url}/api/v1/evaluations", params=query, timeout=60)
            answer.raise_for_status()
            bodies.append(answer.content)
            if number == 1:
                last = answer.json()["meta"]["total_pages"]
            number += 1
            if len(bodies) == AT_ONCE or number > last:
                yield table(bodies)
                bodies = []


def table(bodies: list[bytes]) -> Any:
    options = pa.json.ReadOptions(block_size=max(1 << 20, 1 + max(map(len, bodies))))
    parsing = pa.json.ParseOptions(explicit_schema=ENVELOPE, unexpected_field_behavior="ignore")
    pages = pa.json.read_json(BytesIO(b"\n".join(bodies)), options, parsing)["data"]
    return pa.Table.from_batches(
        [pa.RecordBatch.from_struct_array(chunk.flatten()) for chunk in pages.chunks]
    )


def main(url: str, page_size: str, folder: Path) -> None:
    evaluations = dlt.resource(tables, name="evaluations", primary_key="id", write_disposition="merge")
    pipeline = dlt.pipeline(
        "voki",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "out.duckdb")),
        dataset_name="voki",
    )
    pipeline.run(evaluations(url, page_size))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
