"""The clocks and thresholds of this service, read from policy.yaml; none is written in code."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from services.kit.yaml_file import read_typed_yaml

POLICY_FILE = Path(__file__).with_name("policy.yaml")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    value: int = Field(gt=0)
    source: str = Field(min_length=1)
    verified: bool


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    version: int
    values: dict[str, _Entry]


@dataclass(frozen=True, slots=True)
class Policy:
    """Every value by the name it has in the file; units are in the names."""

    access_token_seconds: int
    refresh_idle_days: int
    refresh_grace_seconds: int
    session_max_days: int
    account_free_failures: int
    account_first_wait_seconds: int
    account_max_wait_seconds: int
    address_free_failures: int
    address_first_wait_seconds: int
    address_max_wait_seconds: int
    failures_forgotten_minutes: int
    registrations_per_address_hour: int
    password_min_characters: int
    argon2_memory_kib: int
    argon2_passes: int
    hashing_waiting_room: int
    code_minutes: int
    code_tries: int
    code_pause_seconds: int
    codes_per_asker_day: int
    codes_per_contact_day: int
    message_hours: int
    matches_per_account_day: int
    contacts_per_kind: int

    @property
    def access_token(self) -> timedelta:
        return timedelta(seconds=self.access_token_seconds)

    @property
    def code_lifetime(self) -> timedelta:
        return timedelta(minutes=self.code_minutes)


def load_policy(path: Path = POLICY_FILE) -> Policy:
    """Read the file; a missing, unknown or impossible value stops the start with an explanation."""
    document = _Document.model_validate(read_typed_yaml(path))
    return Policy(**{name: entry.value for name, entry in document.values.items()})
