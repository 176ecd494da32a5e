"""The tables as an oracle: what was done to them is what they and the API say.

Kills: an edit that moves a row, a purge that takes evaluations, a snapshot that shares rows, a row put back that
passes for one that was never away.
"""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.world import QualityWorld, micros
from connectors.simulator.evaluagent.year import generate

LIST = "/v1/quality/evaluations"
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


async def test_what_happens_to_the_table_shows_at_once(ask: Any) -> None:
    world = QualityWorld()
    async with serve(world) as simulator:

        async def shown() -> list[Any]:
            return (await ask(simulator, LIST, sort="published_at")).body["data"]  # type: ignore[no-any-return]

        first, second = world.publish(AT), world.publish(AT + SECOND, surprise=[1], score=12.5)
        assert [row["id"] for row in await shown()] == [first, second]
        assert (await shown())[1]["attributes"]["surprise"] == [1]
        world.edit(first, outcome="Fail")  # a dispute: the date stays
        assert (await shown())[0]["attributes"]["outcome"] == "Fail"
        assert (await shown())[0]["attributes"]["published_at"] == "2026-01-01T12:00:00Z"
        world.edit(first, AT + 2 * SECOND)
        assert [row["id"] for row in await shown()] == [second, first]
        world.delete(second)
        assert [row["id"] for row in await shown()] == [first]
        assert (await ask(simulator, f"{LIST}/{second}")).status == 404
    assert world.counts == {"published": 2, "edited": 2, "deleted": 1}


async def test_poison_is_sent_as_it_stands(ask: Any) -> None:
    poison: list[Any] = [
        {"type": "evaluations", "id": "", "attributes": None},
        {"type": "evaluations", "id": 5, "attributes": {"published_at": 7}, "relationships": []},
        {"nothing": True},
    ]
    world = QualityWorld()
    for place, one in enumerate(poison):
        world.publish_raw(AT + place * SECOND, one)
    contact = world.add_contact(AT, reference="a")
    world.publish(AT - SECOND, contact_ids=[contact])
    world.edit_contact(contact, raw={"type": "contacts", "id": None})
    user = world.add_raw("users", {"type": "users", "id": "u", "attributes": {"email": 3}})
    world.add_raw("conversations", {"id": 1}, integration="voki")
    async with serve(world) as simulator:
        body = (await ask(simulator, LIST, sort="published_at", include="contacts")).body
        assert body["data"][1:] == poison
        assert body["included"] == [{"type": "contacts", "id": None}]
        assert (await ask(simulator, f"/v1/org/users/{user}")).body["data"]["attributes"] == {"email": 3}
        talks = await ask(simulator, "/v1/analytics/conversations", integration="voki")
        assert talks.body["data"] == [{"id": 1}]
        form: Any
        for form in ("offset", "local", "fraction"):
            simulator.site.switches = Switches(published_at=form, members="many")
            assert (await ask(simulator, LIST)).status == 200
    bad = world.publish(AT, published_at="tomorrow")
    assert next(row for row in world.rows() if row["id"] == bad)["published_at"] == "tomorrow"


def test_retention_takes_contacts_and_leaves_evaluations() -> None:
    world = QualityWorld()
    old, new = world.publish(AT), world.publish(AT + 10 * SECOND)
    for seconds in (0, 10):
        world.add_contact(AT + seconds * SECOND, reference=f"waiting-{seconds}")
    assert world.purge(evaluated=AT + 5 * SECOND) == 1
    assert [len(row["contacts"]) for row in world.rows()] == [0, 1]
    assert world.purge(not_evaluated=AT + 5 * SECOND) == 1
    assert world.purge(evaluated=AT, not_evaluated=AT) == 0
    assert world.ids() == {old, new}
    assert {one["contact_reference"] for one in world.contacts()} == {f"call-{new}", "waiting-10"}
    world.delete(new)
    assert {one["evaluation_id"] for one in world.contacts()} == {None}
    assert world.counts["purged"] == 2


def test_alive_since_a_mark() -> None:
    world = QualityWorld()
    stays, goes = world.publish(AT), world.publish(AT)
    mark = world.mark()
    world.edit(stays, AT + SECOND)
    world.delete(goes)
    assert world.publish(AT, id=goes) == goes
    world.publish(AT)
    assert world.alive_since(mark) == {stays}
    assert world.alive_since(world.mark()) == world.ids()


def test_a_snapshot_stays_as_it_was() -> None:
    world = generate(3, 30)
    before = (world.rows(), world.contacts(), world.users(), world.conversations())
    copy = world.snapshot()
    for row in world.rows()[:3]:
        world.edit(row["id"], outcome="Fail", score=0.0)
        world.edit_contact(row["contact_ids"][0], channel="-")
    world.delete(world.rows()[-1]["id"])
    world.edit_user(world.users()[0]["id"], email="-")
    world.remove_conversation(world.conversations()[0]["id"])
    assert (copy.rows(), copy.contacts(), copy.users(), copy.conversations()) == before
    assert copy.publish(AT) not in world.ids()
    copy.edit(copy.rows()[0]["id"], outcome="-")
    assert world.rows()[0]["outcome"] == "Fail"


def test_small_tables_are_added_to_changed_and_left() -> None:
    world = QualityWorld(ids="integer")
    role, group = world.add_role("agent"), world.add_group("Vendas", level="Team")
    user, talk = world.add_user(roles=[role], agent_team=group), world.add_conversation("voki", duration=1)
    world.edit_role(role, title="T")
    world.edit_group(group, active=False)
    world.edit_user(user, active=False)
    world.edit_conversation(talk, duration=2)
    assert [world.roles()[0]["title"], world.groups()[0]["active"], world.users()[0]["active"]] == [
        "T",
        False,
        False,
    ]
    assert world.conversations("voki")[0]["duration"] == 2
    assert world.conversations("zendesk") == []
    assert world.integrations() == {"voki"}
    assert talk.isdecimal()
    assert not user.isdecimal()  # OBS: people have UUIDs
    world.remove_role(role)
    world.remove_group(group)
    world.remove_user(user)
    world.remove_conversation(talk)
    assert [*world.roles(), *world.groups(), *world.users(), *world.conversations()] == []
    with pytest.raises(KeyError):
        world.edit_user(user, active=True)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["publish", "edit", "move", "delete"]), st.integers(0, 20)), max_size=30
    ),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_the_sorted_keys_are_a_plain_list(steps: list[tuple[str, int]], low: int, high: int) -> None:
    """Against a dict that is sorted anew each time."""
    world, plain = QualityWorld(), dict[str, int]()
    for what, number in steps:
        victim = sorted(plain)[number % len(plain)] if plain else None
        if what == "publish":
            plain[world.publish(AT + number * SECOND)] = number
        elif victim and what == "delete":
            world.delete(victim)
            del plain[victim]
        elif victim and what == "move":
            world.edit(victim, AT + number * SECOND)
            plain[victim] = number
        elif victim:
            world.edit(victim, outcome="Fail")
    expected = sorted((number, row_id) for row_id, number in plain.items() if low <= number < high)
    rows = world.rows(AT + low * SECOND, AT + high * SECOND)
    assert sorted((round((micros(published(row)) - micros(AT)) / 1e6), row["id"]) for row in rows) == expected
    assert [row["published_at"] for row in rows] == sorted(row["published_at"] for row in rows)
    assert world.ids() == set(plain)
    assert len(world) == len(plain)


def published(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["published_at"])


def test_two_threads_may_change_it() -> None:
    world = QualityWorld()

    def publish() -> None:
        for place in range(200):
            world.publish(AT + place * SECOND)

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys, low, high = world.span()
    assert (low, high, len(world.ids())) == (0, 800, 800)
    assert keys == sorted(keys)
