"""Reading the YAML files that hold a service's facts; by libyaml where it is there, ten times as fast."""

from pathlib import Path
from typing import Any

import yaml

_TEXTS = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_TYPED = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:  # Any: whatever the file says; the caller validates it
    """Read a file whose scalars all stay texts, so that `no` and `36.10` mean what they look like."""
    return yaml.load(path.read_text(encoding="utf-8"), _TEXTS)  # noqa: S506 - builds only texts


def read_typed_yaml(path: Path) -> Any:  # Any: as above
    """Read a file whose scalars become the numbers, truths and dates they look like."""
    return yaml.load(path.read_text(encoding="utf-8"), _TYPED)  # noqa: S506 - builds only plain values
