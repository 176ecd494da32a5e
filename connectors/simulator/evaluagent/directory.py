"""The small tables of a contract: users, roles, groups, conversations and scorecards, and who may touch them when.

A row is a flat dict: `id`, the attributes under their wire names, and ids of others (`agent_team`, `roles`,
`abilities`, `agent_id`); the shape on the wire is shapes.py. `{"id": .., "raw": resource}` is sent as it stands:
a poisoned row. Rows are replaced, never changed in place. Every public method takes the lock.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from connectors.simulator.evaluagent.scoring import Scorecard, Wire

Ids = Literal["uuid", "integer"]
Collection = Literal["users", "roles", "groups", "conversations"]
_IDS = uuid.UUID("0c7b2b0f-5a11-4a3e-9b51-5a0e6f1cf8a4")


class Directory:
    """Owns the lock, the small tables, and the giving of ids."""

    def __init__(self, contract: str, ids: Ids) -> None:
        self.contract = contract
        self.id_form = ids  # of evaluations, contacts, conversations and scorecards; people have UUIDs (OBS)
        self.counts: Counter[str] = Counter()  # published, edited, deleted, purged, users added, ...
        self.lock = threading.RLock()
        self._scorecards: dict[str, Scorecard] = {}
        self._tables: dict[Collection, dict[str, Wire]] = {
            "users": {},
            "roles": {},
            "groups": {},
            "conversations": {},
        }
        self._named = 0

    # -- what there is ---------------------------------------------------------------------------

    def users(self) -> list[Wire]:
        """All users, inactive ones included, in the order they were added: the oracle."""
        return self._all("users")

    def roles(self) -> list[Wire]:
        return self._all("roles")

    def groups(self) -> list[Wire]:
        return self._all("groups")

    def conversations(self, integration: str | None = None) -> list[Wire]:
        found = self._all("conversations")
        return [row for row in found if integration is None or row.get("integration") == integration]

    def integrations(self) -> set[str]:
        with self.lock:
            return {
                row["integration"] for row in self._tables["conversations"].values() if "integration" in row
            }

    def scorecards(self) -> list[Scorecard]:
        with self.lock:
            return list(self._scorecards.values())

    def listed(self, name: Collection) -> list[Wire]:
        """The rows themselves, for the API: only read."""
        return list(self._tables[name].values())

    def found(self, name: Collection, row_id: str) -> Wire | None:
        return self._tables[name].get(row_id)

    # -- what a test or the API does -------------------------------------------------------------

    def add_user(self, **fields: Any) -> str:
        """A plausible agent; `fields` replace its values."""
        forename, surname = fields.get("forename", "Ana"), fields.get("surname", "Silva")
        place = self._named
        return self._add(
            "users",
            {
                "forename": forename,
                "surname": surname,
                "fullname": f"{forename} {surname}",
                "username": f"{forename}.{surname}.{place}".lower(),
                "email": f"user{place}@centro.example",
                "active": True,
                "allow_login": True,
                "reporting_access_id": None,
                "third_party_id": None,
                "start_date": "2024-02-01",
                "agent_team": None,
                "roles": [],
            }
            | fields,
        )

    def edit_user(self, row_id: str, **fields: Any) -> None:
        self._edit("users", row_id, fields)

    def remove_user(self, row_id: str) -> None:
        self._remove("users", row_id)

    def add_role(self, name: str, **fields: Any) -> str:
        """A role; `abilities` are (id, title) pairs, and without any it has no `relationships` (OBS)."""
        title = name.replace("-", " ").capitalize()
        return self._add("roles", {"name": name, "title": title, "abilities": []} | fields)

    def edit_role(self, row_id: str, **fields: Any) -> None:
        self._edit("roles", row_id, fields)

    def remove_role(self, row_id: str) -> None:
        self._remove("roles", row_id)

    def add_group(self, name: str, **fields: Any) -> str:
        row = {"name": name, "level": "Team", "active": True, "parent": None}
        return self._add("groups", row | {"has_children": False, "is_custom_reporting_group": False} | fields)

    def edit_group(self, row_id: str, **fields: Any) -> None:
        self._edit("groups", row_id, fields)

    def remove_group(self, row_id: str) -> None:
        self._remove("groups", row_id)

    def add_conversation(self, integration: str, **fields: Any) -> str:
        row = {
            "integration": integration,
            "contact_reference": f"{integration}-{self._named}",
            "channel": "Chat",
            "started_at": "2025-12-01T09:00:00Z",
            "duration": 300,
            "sentiment": 0.5,
            "topics": ["billing"],
            "agent_id": None,
        }
        return self._add("conversations", row | fields)

    def edit_conversation(self, row_id: str, **fields: Any) -> None:
        self._edit("conversations", row_id, fields)

    def remove_conversation(self, row_id: str) -> None:
        self._remove("conversations", row_id)

    def add_raw(self, name: Collection, resource: Mapping[str, Any], **fields: Any) -> str:
        """Add a resource that is sent exactly as it stands; `fields` (integration) are for filters only."""
        return self._add(name, {"id": str(resource.get("id", "")), **fields, "raw": dict(resource)})

    def add_scorecards(self, cards: Iterable[Scorecard]) -> None:
        with self.lock:
            self._scorecards |= {card.id: card for card in cards}

    def new_id(self, kind: str) -> str:
        """An id that was never given before."""
        with self.lock:
            place, self._named = self._named, self._named + 1
            if self.id_form == "integer" and kind not in ("users", "roles", "groups"):
                return str(1_000_000 + place)
            return str(uuid.uuid5(_IDS, f"{self.contract}/{kind}/{place}"))

    # -- inside ----------------------------------------------------------------------------------

    def _all(self, name: Collection) -> list[Wire]:
        with self.lock:
            return [dict(row) for row in self._tables[name].values()]

    def _add(self, name: Collection, row: Wire) -> str:
        with self.lock:
            row = {"id": row.get("id") or self.new_id(name)} | row
            self._tables[name][row["id"]] = row
            self.counts[f"{name} added"] += 1
            return str(row["id"])

    def _edit(self, name: Collection, row_id: str, fields: Wire) -> None:
        with self.lock:
            self._tables[name][row_id] = self._tables[name][row_id] | fields
            self.counts[f"{name} edited"] += 1

    def _remove(self, name: Collection, row_id: str) -> None:
        with self.lock:
            del self._tables[name][row_id]
            self.counts[f"{name} removed"] += 1
