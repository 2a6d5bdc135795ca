"""One JSON line per event, without personal data: NIK, phone, e-mail and tokens are cut out before writing.

Redaction is the last step before the line is rendered, so tracebacks and other libraries' lines pass it too.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import FilteringBoundLogger

_SECRET_NAMES = re.compile(r"password|passwd|secret|token|authorization|cookie|otp|nik$|phone|email", re.IGNORECASE)
_REDACTIONS = (
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "[token]"),
    (re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]+"), r"\1 [token]"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?<!\w)\d{4}(?:[ .-]?\d{4}){3}(?!\w)|(?<!\d)\d{16}(?!\d)"), "[nik]"),
    (re.compile(r"(?<!\w)(?:\+62|62|0)[ -]?8[1-9](?:[ -]?\d){6,10}(?!\w)"), "[phone]"),
)


def redact(text: str) -> str:
    """Cut personal data and credentials out of a text."""
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


def _redacted(value: Any, name: str = "") -> Any:  # Any: whatever was logged
    if name and _SECRET_NAMES.search(name) and value is not None:
        return "[redacted]"
    if isinstance(value, dict):
        return {redact(str(key)): _redacted(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item) for item in value]
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if redact(str(value)) == str(value) else redact(str(value))
    return redact(str(value))


def _redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {name: _redacted(value, name) for name, value in event.items()}


def make_logger(service: str, stream: TextIO | None = None) -> FilteringBoundLogger:
    """Build the service's logger; lines go to `stream` (standard error unless given)."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_event,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        service=service,
    )
    return logger


class _Forwarding(logging.Handler):
    """Sends the standard library's log records (uvicorn's, Alembic's) through the service's logger."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        self._logger.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)


def forward_standard_logging(logger: FilteringBoundLogger) -> None:
    """Make this process's standard logging end in the service's log, warnings and worse only."""
    logging.getLogger().handlers[:] = [_Forwarding(logger)]
