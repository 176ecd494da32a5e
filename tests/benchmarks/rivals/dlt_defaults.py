"""dlt as its documentation shows it: the rest_api source, DuckDB, merge on the id, nothing tuned."""

import sys
from pathlib import Path

import dlt
from dlt.sources.rest_api import rest_api_source


def main(url: str, page_size: str, folder: Path) -> None:
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{url}/api/v1/",
                "paginator": {"type": "page_number", "base_page": 1, "total_path": "meta.total_pages"},
            },
            "resources": [
                {
                    "name": "evaluations",
                    "endpoint": {
                        "path": "evaluations",
                        "params": {"page_size": page_size, "sort_order": "asc"},
                        "data_selector": "data",
                    },
                    "primary_key": "id",
                    "write_disposition": "merge",
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "voki",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "out.duckdb")),
        dataset_name="voki",
    )
    pipeline.run(source)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
