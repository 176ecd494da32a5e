"""A Singer tap of the evaluations by the Singer SDK, as its template makes it; it writes to standard output."""

from collections.abc import Mapping
from typing import Any

from singer_sdk import RESTStream, Stream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BasePageNumberPaginator


class Paginator(BasePageNumberPaginator):
    def has_more(self, response: Any) -> bool:
        meta = response.json()["meta"]
        return bool(meta["current_page"] < meta["total_pages"])


class Evaluations(RESTStream[int]):
    name = "evaluations"
    path = "/api/v1/evaluations"
    primary_keys = ("id",)
    records_jsonpath = "$.data[*]"
    schema = th.PropertiesList(
        th.Property("id", th.StringType, required=True),
        th.Property("call_id", th.StringType),
        th.Property("rating", th.IntegerType),
        th.Property("comment", th.StringType),
        th.Property("customer_name", th.StringType),
        th.Property("user_name", th.StringType),
        th.Property("department_name", th.StringType),
        th.Property("inserted_at", th.DateTimeType),
    ).to_dict()

    @property
    def url_base(self) -> str:
        return str(self.config["url"])

    def get_new_paginator(self) -> Paginator:
        return Paginator(1)

    def get_url_params(
        self, context: Mapping[str, Any] | None, next_page_token: int | None
    ) -> dict[str, Any]:
        del context
        return {"page_size": self.config["page_size"], "sort_order": "asc", "page": next_page_token or 1}


class Voki(Tap):
    name = "tap-voki"
    config_jsonschema = th.PropertiesList(
        th.Property("url", th.StringType, required=True),
        th.Property("page_size", th.IntegerType, required=True),
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        return [Evaluations(self)]


if __name__ == "__main__":
    Voki.cli()
