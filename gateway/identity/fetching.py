"""Fetches one JSON document of an issuer: bounded in size and time, no redirect followed.

Every foreign exception ends here as FetchFailed. Must run inside a task (httpx and `asyncio.timeout` need one).
"""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from gateway.identity import strict_json

# Without compression the bytes received are the bytes held, so a small answer cannot unpack into a large one.
_HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity"}

_CONNECT_SECONDS: Final = 2.0


class FetchFailed(Exception):
    """The document could not be had; the text says why, for operators."""


async def fetch_json(
    client: httpx.AsyncClient, url: httpx.URL | str, *, max_bytes: int, timeout_seconds: float
) -> object:
    """Return the document at `url`; raise FetchFailed for anything but a whole 200 of strict JSON in time."""
    try:
        async with asyncio.timeout(timeout_seconds):
            raw = await _read(client, url, max_bytes=max_bytes, timeout_seconds=timeout_seconds)
    except FetchFailed:
        raise
    except TimeoutError as error:
        raise FetchFailed(f"no whole answer within {timeout_seconds:g} s") from error
    except Exception as error:
        # Whatever it is: for some addresses the layers below raise OverflowError or an ExceptionGroup, and following
        # an issuer must not end by that.
        raise FetchFailed(f"{type(error).__name__}: {error}") from error
    try:
        return strict_json.loads(raw)
    except ValueError as error:
        raise FetchFailed(f"the answer is not strict JSON: {error}") from error


async def _read(client: httpx.AsyncClient, url: httpx.URL | str, *, max_bytes: int, timeout_seconds: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, _CONNECT_SECONDS))
    async with client.stream("GET", url, headers=_HEADERS, follow_redirects=False, timeout=timeout) as response:
        if response.status_code != 200:
            raise FetchFailed(f"status {response.status_code}")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise FetchFailed("the answer is compressed though that was not asked for")
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > max_bytes:
                raise FetchFailed(f"more than {max_bytes} bytes")
            pieces.append(piece)
    return b"".join(pieces)
