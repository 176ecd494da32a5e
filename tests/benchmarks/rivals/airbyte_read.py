"""Airbyte: a low-code source, read by its CDK inside of PyAirbyte's process, into PyAirbyte's DuckDB cache, merged."""

import os
import sys
from pathlib import Path
from typing import Any

os.environ.update({"DO_NOT_TRACK": "1", "AIRBYTE_OFFLINE_MODE": "1"})

import airbyte as ab
from airbyte.caches import DuckDBCache
from airbyte.strategies import WriteStrategy

TEXTS = ("id", "call_id", "comment", "customer_name", "user_name", "department_name")


def schema() -> dict[str, Any]:
    fields: dict[str, Any] = {name: {"type": ["null", "string"]} for name in TEXTS}
    fields |= {
        "rating": {"type": ["null", "integer"]},
        "inserted_at": {"type": ["null", "string"], "format": "date-time"},
    }
    return {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": fields}}


def paginator(page_size: int) -> dict[str, Any]:
    option = {"type": "RequestOption", "inject_into": "request_parameter"}
    return {
        "type": "DefaultPaginator",
        "pagination_strategy": {
            "type": "PageIncrement",
            "start_from_page": 1,
            "page_size": page_size,
            "inject_on_first_request": True,
        },
        "page_token_option": option | {"field_name": "page"},
        "page_size_option": option | {"field_name": "page_size"},
    }


def manifest(url: str, page_size: int) -> dict[str, Any]:
    stream = {
        "type": "DeclarativeStream",
        "name": "evaluations",
        "primary_key": ["id"],
        "schema_loader": schema(),
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {
                "type": "HttpRequester",
                "url_base": url,
                "path": "/api/v1/evaluations",
                "http_method": "GET",
                "request_parameters": {"sort_order": "asc"},
            },
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
            },
            "paginator": paginator(page_size),
        },
    }
    return {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["evaluations"]},
        "streams": [stream],
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    }


def main(url: str, page_size: int, folder: Path) -> None:
    source = ab.get_source("source-voki", config={}, source_manifest=manifest(url, page_size))
    source.select_all_streams()
    cache = DuckDBCache(db_path=folder / "out.duckdb", schema_name="voki", cache_dir=folder / "cache")
    source.read(cache=cache, write_strategy=WriteStrategy.MERGE, skip_validation=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
