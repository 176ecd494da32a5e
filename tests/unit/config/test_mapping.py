"""The file `agents`: pairs as a person wrote them, or a sentence with file and line, and no value of it quoted.

Kills: an address that two people have; a byte order mark in the first column's name; a semicolon read as a name; a
run that asks the source before it finds the file missing.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab import TOKENS, config, query

from connectors.simulator.server import serve
from connectors.simulator.world import World
from pipeline.config import Config
from pipeline.mapping import read_agents
from pipeline.present import rebuild_marts
from pipeline.run import run
from schemas.errors import ConfigError

SENTINEL = "someone@example.com"


@pytest.mark.parametrize(
    "content",
    [
        b"voki_user,agent\n17,a-1\nAna@b.example,x@y.example\n",
        b"\xef\xbb\xbfvoki_user,agent\r\n17,a-1\r\n\r\nAna@b.example , x@y.example",
        b'"voki_user","agent"\n"17","a-1"\n"Ana@b.example","x@y.example"\n\n',
    ],
    ids=["plain", "spreadsheet", "quoted"],
)
def test_pairs_are_read_as_they_stand(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "agents.csv"
    path.write_bytes(content)
    assert read_agents(path) == [("17", "a-1"), ("Ana@b.example", "x@y.example")]


def test_a_header_alone_is_an_empty_mapping_and_letter_case_tells_ids_apart(tmp_path: Path) -> None:
    path = tmp_path / "agents.csv"
    path.write_text("voki_user,agent\n")
    assert read_agents(path) == []
    path.write_text("voki_user,agent\nab,x\nAB,X\n")
    assert read_agents(path) == [("ab", "x"), ("AB", "X")]


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("", 0, "is empty: write the line `voki_user,agent`"),
        ("user,agent\n", 1, "the first line must be `voki_user,agent`"),
        ("voki_user;agent\n1;2\n", 1, "put commas between the columns"),
        (f"{SENTINEL},a\n", 1, "the first line must be"),
        ("voki_user,agent,note\n", 1, "the first line must be"),
        (f"voki_user,agent\n1,a\n2,b,{SENTINEL}\n", 3, "has 3 columns where there are 2"),
        (f"voki_user,agent\n{SENTINEL}\n", 2, "has 1 columns"),
        (f"voki_user,agent\n1,a\n{SENTINEL}, \n", 3, "agent is empty"),
        (f"voki_user,agent\n,{SENTINEL}\n", 2, "voki_user is empty"),
        (f"voki_user,agent\n\n{SENTINEL},a\n\n{SENTINEL},a\n", 5, "says the same as line 3"),
        (f"voki_user,agent\n{SENTINEL},a\n{SENTINEL.upper()},b\n", 3, "its voki_user has an agent on line 2"),
        (f"voki_user,agent\n1,{SENTINEL}\n2,{SENTINEL}\n", 3, "its agent has a voki_user on line 2"),
        ('voki_user,agent\n1,"a\n', 2, "is not CSV"),
        ("voki_user,agent\n1,a\x07\n", 2, "no plain text"),
    ],
)
def test_a_wrong_line_is_named_and_never_quoted(tmp_path: Path, text: str, line: int, part: str) -> None:
    path = tmp_path / "agents.csv"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_agents(path)
    told = str(raised.value)
    assert told.startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert part in told
    assert SENTINEL not in told.lower()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not there: mend the key `agents`"):
        read_agents(tmp_path / "agents.csv")
    with pytest.raises(ConfigError, match="is no file"):
        read_agents(tmp_path)
    latin = tmp_path / "latin.csv"
    latin.write_bytes("voki_user,agent\n1,a\nJoão,b\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin.csv:3: is not UTF-8"):
        read_agents(latin)


@given(st.text(max_size=80) | st.text(alphabet='voki_user,agent\n\r";ab\x85\u2028\x00', max_size=60))
def test_any_text_is_pairs_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text("voki_user,agent\n" + text, newline="")
    pairs: list[tuple[str, str]] = []
    with suppress(ConfigError):  # and nothing else
        pairs = read_agents(path)
    assert all(user and agent for user, agent in pairs)
    assert len({user for user, _ in pairs}) == len({agent for _, agent in pairs}) == len(pairs)


def _with(to: Config, path: Path) -> Config:
    return to.model_copy(update={"agents": path})


async def test_the_file_is_in_the_warehouse_as_it_stands_today(tmp_path: Path) -> None:
    """Kills: pairs that stay after their line is gone; a request before the file is found missing."""
    path = tmp_path / "agents.csv"
    async with serve(World(), tokens=TOKENS) as simulator:
        to = _with(config(simulator.base_url, tmp_path), path)
        with pytest.raises(ConfigError, match="is not there"):
            await run(to)
        assert simulator.arrivals == []
        await asyncio.to_thread(path.write_text, "voki_user,agent\n1,a\n2,b\n")
        await run(to)
    assert query(to, "SELECT voki_user, agent FROM meta.agents ORDER BY ALL") == [
        {"voki_user": "1", "agent": "a"},
        {"voki_user": "2", "agent": "b"},
    ]
    await asyncio.to_thread(path.write_text, "voki_user,agent\n2,c\n")
    await rebuild_marts(to, ())
    assert query(to, "SELECT voki_user, agent FROM meta.agents") == [{"voki_user": "2", "agent": "c"}]
    await asyncio.to_thread(path.write_text, "voki_user,agent\n2,c\n2,d\n")
    with pytest.raises(ConfigError, match=r"agents\.csv:3"):
        await rebuild_marts(to, ())
    assert query(to, "SELECT agent FROM meta.agents") == [{"agent": "c"}], "a wrong file changes nothing"
    await rebuild_marts(to.model_copy(update={"agents": None}), ())
    assert query(to, "SELECT agent FROM meta.agents") == []
