"""The way a gateway is usually begun in Python: Starlette and httpx on uvicorn, a plain proxy without sign-in.

Run as a process of its own: `python -m tests.bench.naive PORT AGENCY_URL`.
"""

from __future__ import annotations

import sys

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route


def application(agency: str) -> Starlette:
    """Return the proxy."""
    client = httpx.AsyncClient(base_url=agency)

    async def proxy(request: Request) -> StreamingResponse:
        url = httpx.URL(path=request.url.path, query=request.url.query.encode())
        asked = client.build_request(request.method, url, headers=request.headers.raw, content=request.stream())
        answer = await client.send(asked, stream=True)
        return StreamingResponse(answer.aiter_raw(), answer.status_code, answer.headers)

    return Starlette(routes=[Route("/{path:path}", proxy, methods=["GET", "POST"])])


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[2]), port=int(sys.argv[1]), access_log=False, log_level="warning")
