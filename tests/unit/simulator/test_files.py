"""A user's own export as a world."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from connectors.simulator.files import load_file

COLUMNS = {"rating": "nota", "comment": "texto", "inserted_at": "quando"}


def written(folder: Path, text: str, name: str = "ratings.csv") -> Path:
    file = folder / name
    file.write_bytes(text.encode())
    return file


def test_a_csv_with_columns_of_other_names(tmp_path: Path) -> None:
    text = (
        "id,nota,texto,quando,atendente\n"
        '007,4.0,"Ótimo, obrigado\nmesmo",2025-03-01T10:00:00-03:00,Ana\n'
        "8,4.5,,1740830400,Bia\n"
        '9,"ruim","",2025-03-02,\n'
    )
    world = load_file(written(tmp_path, text), COLUMNS | {"user_name": "atendente"}, tenant="mine")
    rows = {row["id"]: row for row in world.rows()}
    assert [rows[i]["rating"] for i in ("007", "8", "9")] == [4, 4.5, "ruim"]
    assert type(rows["007"]["rating"]) is int
    assert [rows[i]["comment"] for i in ("007", "8", "9")] == ["Ótimo, obrigado\nmesmo", None, ""]
    assert [rows[i]["inserted_at"] for i in ("007", "8", "9")] == [
        "2025-03-01T13:00:00Z",
        "2025-03-01T12:00:00Z",
        "2025-03-02T00:00:00Z",
    ]
    assert [rows[i]["user_name"] for i in ("007", "8", "9")] == ["Ana", "Bia", None]
    assert rows["8"]["call_id"] == "call-00000002"
    assert (world.tenant, world.until) == ("mine", datetime(2025, 3, 2, 0, 0, 1, tzinfo=UTC))


def test_a_rating_is_enough_and_the_rest_follows_from_the_row_number(tmp_path: Path) -> None:
    short = load_file(written(tmp_path, "rating\n5\n1\n3\n"))
    longer = load_file(written(tmp_path, "rating\n5\n1\n3\n2\n", "longer.csv"))
    assert short.ids() == {"row-00000001", "row-00000002", "row-00000003"}
    assert [row for row in longer.rows() if row["id"] != "row-00000004"] == short.rows()
    times = [row["inserted_at"] for row in longer.rows()]
    assert len(set(times)) == 4
    assert all("2025-01-01" <= time < "2026-01-01" for time in times)
    assert longer.until == datetime(2026, 1, 1, tzinfo=UTC)


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "rating": [5, 4.5, float("nan"), None],
            "id": [1, 2, 3, None],
            "inserted_at": pa.array([datetime(2025, 5, 1, 8, tzinfo=UTC)] * 4, pa.timestamp("us", "UTC")),
        }
    )
    pa.parquet.write_table(table, tmp_path / "r.parquet")
    rows = load_file(tmp_path / "r.parquet").rows()
    assert [(row["id"], row["rating"]) for row in rows] == [
        ("1", 5),
        ("2", 4.5),
        ("3", None),
        ("row-00000004", None),
    ]
    assert {row["inserted_at"] for row in rows} == {"2025-05-01T08:00:00Z"}


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "rating;comment\n5;bom, sim\n"), ("a.csv", '\ufeffrating,comment\n5,"bom, sim"\n')],
)
def test_semicolons_and_byte_order_marks(tmp_path: Path, name: str, text: str) -> None:
    assert load_file(written(tmp_path, text, name)).rows()[0]["comment"] == "bom, sim"


def test_a_quoted_nothing_is_no_time_and_no_id(tmp_path: Path) -> None:
    plain = load_file(written(tmp_path, "rating,id,inserted_at\n5,,\n"))
    quoted = load_file(written(tmp_path, 'rating,id,inserted_at\n5,"",""\n'))
    assert plain.rows() == quoted.rows()
    assert plain.ids() == {"row-00000001"}


def test_a_compressed_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"rating\n5\n"))
    assert len(load_file(tmp_path / "a.csv.gz")) == 1


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("score,text\n5,a\n", {}, "no column 'rating' for rating; columns are score, text"),
        ("score\n5\n", {"rating": "nota"}, "no column 'nota' for rating; columns are score"),
        ("rating\n5\n", {"comment": "texto"}, "no column 'texto' for comment; columns are rating"),
        ("rating\n5\n", {"stars": "rating"}, "unknown field 'stars'"),
        ("rating,rating\n5,4\n", {}, "more than one column 'rating'"),
        ("rating,inserted_at\n5,ontem\n", {}, "row 1, column 'inserted_at': 'ontem' is no time"),
        ("rating,inserted_at\n5,1740830400000000\n", {}, "row 1, column 'inserted_at'"),
        ("rating,comment\n5\n", {}, "is no CSV or Parquet file"),
        ("", {}, "is no CSV or Parquet file"),
        ("PAR1 and no more", {}, "is no CSV or Parquet file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, columns: dict[str, str], expected: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ValueError, match=r"ratings\.csv") as caught:
        load_file(file, columns)
    assert expected in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.csv: cannot be read: No such file"):
        load_file(tmp_path / "none.csv")
