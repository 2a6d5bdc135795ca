"""Conditional requests (RFC 9110 §13): save the phone a download, and two officers an overwritten case."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.kit.problem import Problem, Text


def etag_of(*parts: object) -> str:
    """Build a strong validator from what identifies this very representation, such as id and version."""
    # Lengths keep ("ab", "c") apart from ("a", "bc").
    text = "".join(f"{len(str(part))}:{part}" for part in parts)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def is_not_modified(request: Request, etag: str) -> bool:
    """Tell whether the client already holds this representation (`If-None-Match`, weak comparison)."""
    header = ", ".join(request.headers.getlist("if-none-match"))
    return bool(header) and _matches(header, etag, weak=True)


def check_if_match(request: Request, etag: str, *, required: bool = False) -> None:
    """Raise 412 when the client acted on an older state; 428 when it must say and did not."""
    header = ", ".join(request.headers.getlist("if-match"))
    if not header:
        if required:
            raise Problem(
                428,
                "precondition-required",
                Text("Perlu versi data", "Precondition required"),
                Text("Kirim If-Match dengan ETag terakhir.", "Send If-Match with the last ETag."),
            )
        return
    if not _matches(header, etag, weak=False):
        raise Problem(
            412,
            "precondition-failed",
            Text("Data sudah berubah", "Precondition failed"),
            Text("Muat ulang, lalu coba lagi.", "Someone changed it meanwhile. Reload, then try again."),
            headers={"ETag": etag},
        )


def _matches(header: str, etag: str, *, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    tags = (tag.strip() for tag in header.split(","))
    return any((tag.removeprefix("W/") if weak else tag) == etag for tag in tags)


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer JSON as people can read it: UTF-8, not escapes."""
    content = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return Response(content, status, headers, media_type="application/json")


def conditional_json(
    request: Request,
    body: Mapping[str, Any],  # Any: JSON
    *,
    etag: str | None = None,
    cache_control: str = "private, no-cache",
) -> Response:
    """Answer 304 if the client has it, else the body with its `ETag` (by default, of the body itself)."""
    answer = json_response(body)
    tag = etag or etag_of(bytes(answer.body).decode())
    headers = {"ETag": tag, "Cache-Control": cache_control}
    if is_not_modified(request, tag):
        return Response(status_code=304, headers=headers)
    answer.headers.update(headers)
    return answer
