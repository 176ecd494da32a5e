"""Personal data as `privacy` in config.yaml wants it: kept, replaced by a keyed pseudonym, or dropped. Pure.

Promises that a hidden value is in no table and no dead letter. The packages keep the source's answers as they
came, private to the owner of the data folder, until `packages.keep` ends.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from connectors.source import Record

PSEUDONYM = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Privacy:
    rules: Mapping[str, str] = field(default_factory=dict)  # field -> keep | pseudonym | drop
    key: SecretStr = SecretStr("")
    again: bool = False  # of records that were hidden before: a pseudonym stays what it is

    def keeps(self, name: str) -> bool:
        return self.rules.get(name, "keep") == "keep"

    def hide(self, name: str, value: Any) -> Any:
        """The value as it may be stored. A pseudonym is the same for the same value and key."""
        if self.keeps(name) or value is None or value == "":
            return value
        if self.rules[name] == "drop":
            return None
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        if self.again and PSEUDONYM.fullmatch(text):
            return text
        key = self.key.get_secret_value().encode()
        return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]

    def mask(self, record: Record) -> Record:
        """A wire record with its personal fields hidden."""
        if not isinstance(record, dict):
            return record
        return {name: self.hide(name, value) for name, value in record.items()}
