"""The table of poison: records that break the contract, or only look as if they did."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import lab

from connectors.simulator.clock import stamp
from pipeline.config import Config

NOW = lab.NOW
NOON = NOW - timedelta(hours=12)
GOOD_ROWS = 180
INJECTION = "x'); DROP TABLE core.evaluations; --"


@dataclass(frozen=True)
class Poison:
    """A change of one good record, and the field that is to be blamed; "" for a record that is to be loaded."""

    name: str
    change: Mapping[str, Any]
    blamed: str = ""
    lacks: str = ""


def ratings() -> list[Poison]:
    bad: list[Any] = [
        999,
        -1,
        0,
        6,
        10**30,
        float("nan"),
        float("inf"),
        "4.5",
        "4,5",
        "4",
        "",
        None,
        True,
        4.0,
        [4],
        {},
    ]
    return [Poison(f"rating {value!r}", {"rating": value}, "/rating") for value in bad] + [
        Poison("no rating", {}, "/rating", lacks="rating")
    ]


def ids() -> list[Poison]:
    kept = [
        7,
        "7b",
        "ev1a2b3c-d4e5",
        "ação",
        " ",
        "null",
        INJECTION,
        "../../etc/passwd",
        "x" * 300,
        '{"a": 1}',
    ]
    bad: list[Any] = ["", None, True, 1.5, [], "half \ud83d"]
    return [
        *(Poison(f"id {str(value)[:20]}", {"id": value}) for value in kept),
        *(Poison(f"bad id {value!r}", {"id": value}, "/id") for value in bad),
        Poison("no id", {}, "/id", lacks="id"),
    ]


def times() -> list[Poison]:
    noon = "2025-12-31T12:00:00"
    bad: list[Any] = [
        None,
        "",
        0,
        1735689600,
        True,
        [],
        "yesterday",
        "2025-12-31",
        "2025-13-31T12:00:00Z",
        f"{noon}+99:00",
    ]
    bad += [
        "2025-02-30T12:00:00Z",
        "2025-12-31T25:00:00Z",
        "31/12/2025 12:00:00",
        "0001-01-01T00:00:00+14:00",
    ]
    good = [
        f"{noon}Z",
        noon,
        f"{noon}+00:00",
        "2025-12-31T09:00:00-03:00",
        "2025-12-31 12:00:00Z",
        f"{noon}.000Z",
    ]
    return [
        *(Poison(f"time {value!r}", {"inserted_at": value}, "/inserted_at") for value in bad),
        *(Poison(f"good time {value}", {"inserted_at": value}) for value in good),
        Poison("no time", {}, "/inserted_at", lacks="inserted_at"),
    ]


def texts() -> list[Poison]:
    kept = {
        "nul": "antes\x00depois",
        "huge": "é" * 2_500_000,
        "rtl": "\u202eشكرا جزيلا\u202c",
        "emoji": "👩‍👩‍👧‍👦 🇧🇷 \U0010ffff",
        "nfc": unicodedata.normalize("NFC", "Atenção"),
        "nfd": unicodedata.normalize("NFD", "Atenção"),
        "blank": "",
        "spaces": "  \t\r\n ",
        "bom": "\ufeffolá",
        "noncharacter": "\ufffe\uffff",
        "injection": INJECTION,
        "formula": '=HYPERLINK("http://example.com")',
        "backslashes": "\\N \\x00 \\ud800",
    }
    bad: dict[str, Any] = {
        "surrogate": "a\ud800b",
        "number": 7,
        "flag": False,
        "list": ["bom"],
        "object": {"texto": "bom"},
    }
    fields = ("comment", "customer_name", "user_name", "department_name")
    return [
        *(Poison(f"text {name}", {"comment": value}) for name, value in kept.items()),
        *(Poison(f"{field} injection", {field: INJECTION}) for field in fields),
        *(
            Poison(f"{field} {name}", {field: value}, f"/{field}")
            for field in fields
            for name, value in bad.items()
        ),
        Poison("call_id number", {"call_id": 12}),
        Poison("call_id list", {"call_id": []}, "/call_id"),
    ]


def unknown() -> list[Poison]:
    return [
        Poison("new field", {"channel": "whatsapp"}),
        Poison("new fields", {"tags": ["a", {"b": None}], "score": 4.5, "Rating": 3, INJECTION: INJECTION}),
        Poison("new nan", {"score": float("nan")}),
        Poison("new surrogate", {"note": "a\ud800b"}),
        Poison("named as ours", {"evaluation_id": "other", "source": "x", "_deleted_at": "x", "extra": "x"}),
    ]


POISON = [*ratings(), *ids(), *times(), *texts(), *unknown()]
BROKEN = [one for one in POISON if one.blamed]


def good_row(n: int) -> dict[str, Any]:
    return {
        "id": f"p-{n}",
        "call_id": f"call-{n}",
        "rating": 1 + n % 5,
        "comment": "bom",
        "customer_name": "Cliente",
        "user_name": "Plantão",
        "department_name": "Suporte",
        "inserted_at": stamp(int(NOON.timestamp()) + n),
    }


def poisoned(n: int, one: Poison) -> dict[str, Any]:
    row = {**good_row(n), **one.change}
    return {name: value for name, value in row.items() if name != one.lacks}


def patient(base_url: str, folder: Path, **source: Any) -> Config:
    """A configuration that takes any share of dead letters."""
    config = lab.config(base_url, folder, **source)
    return config.model_copy(update={"quarantine": config.quarantine.model_copy(update={"max_share": 1.0})})
