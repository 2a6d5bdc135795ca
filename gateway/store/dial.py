"""Opens connections to Redis: redis-py's own, which know TLS, ACL users and the hiredis parser.

A connection here belongs to one owner and carries no timeout of its own: whoever reads bounds the wait.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import hiredis
from redis.asyncio.connection import Connection, DefaultParser, RedisSSLContext, SSLConnection
from redis.exceptions import ConnectionError, InvalidResponse, RedisError, ResponseError

from gateway.registry.store_address import Credentials, Node, StoreAddress, Tls
from gateway.store.scripts import Scripts

Argument: TypeAlias = bytes | str | int

_NOT_YET: Final = object()


def pack(*arguments: Argument) -> bytes:
    """Return a command as the protocol writes it."""
    packed: bytes = hiredis.pack_command(arguments)  # type: ignore[arg-type]  # its stub names a tuple of one
    return packed


class Link:
    """One open connection and its one owner.

    redis-py makes the connection and is let in (TLS, users, database); from then on the bytes are read here, by the
    same parser. Its own reading wakes several layers of coroutines for each reply, which cost more than the reply did.
    """

    __slots__ = ("_connection", "_replies", "_transport")

    def __init__(self, connection: Connection, transport: asyncio.WriteTransport) -> None:
        self._connection = connection
        self._transport = transport
        self._replies = _Replies(is_over=transport.is_closing())
        transport.set_protocol(self._replies)

    def send(self, commands: bytes) -> None:
        """Write packed commands in one go."""
        self._transport.write(commands)

    async def read(self) -> object:
        """Read one reply; an error reply is returned: it answers one call, and is no end of the connection."""
        reply = self._replies.next()
        while reply is _NOT_YET:
            await self._replies.arrival()
            reply = self._replies.next()
        if isinstance(reply, RedisError) and not isinstance(reply, ResponseError):
            raise reply  # said of the connection, such as LOADING
        return reply

    async def ask(self, command: bytes) -> object:
        """Send one command and read its reply; raise RedisError when that is an error."""
        self.send(command)
        reply = await self.read()
        if isinstance(reply, RedisError):
            raise reply
        return reply

    @property
    def is_stale(self) -> bool:
        """Tell whether the peer has closed, or said what nobody asked for."""
        return self._replies.is_over or self._replies.has_more

    async def hang_up(self) -> None:
        """Cut the connection. Closing it politely would wait for a peer who may be hung."""
        await self._connection.disconnect(nowait=True)
        self._transport.abort()
        await asyncio.sleep(0)  # so that the socket is freed before the event loop may end


class _Replies(asyncio.Protocol):
    """What arrives on a connection, as replies."""

    def __init__(self, *, is_over: bool) -> None:
        self.is_over = is_over
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse, replyError=DefaultParser.parse_error, notEnoughData=_NOT_YET
        )
        self._waiting: asyncio.Future[None] | None = None

    @property
    def has_more(self) -> bool:
        return self._reader.has_data()

    def next(self) -> object:
        """Return the next reply, or _NOT_YET; raise InvalidResponse."""
        return self._reader.gets()

    async def arrival(self) -> None:
        """Wait for more; raise ConnectionError when there will be none."""
        if self.is_over:
            raise ConnectionError("Connection closed by server.")
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_over = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Dial:
    """Knows how to be let in at one address. Every node of it takes the same credentials.

    ValueError when the TLS files cannot be used.
    """

    def __init__(self, address: StoreAddress, scripts: Scripts) -> None:
        self._address = address
        self._tls = None if address.tls is None else _tls_context(address.tls)
        self.preamble = b"".join(pack("SCRIPT", "LOAD", script.text) for script in scripts.all)
        self.preamble_replies = len(scripts.all)

    async def data(self, node: Node) -> Link:
        """Open a connection to a data node, its scripts loaded; raise RedisError or OSError."""
        link = await self._open(node, self._address.credentials, self._address.database)
        try:
            link.send(self.preamble)
            for _ in range(self.preamble_replies):
                if isinstance(reply := await link.read(), ResponseError):
                    raise reply
        except BaseException:
            await link.hang_up()
            raise
        return link

    async def ask(self, node: Node, command: bytes, *, sentinel: bool = False) -> object:
        """Put one question to a node on a connection of its own; raise RedisError or OSError."""
        link = await self._open(node, self._address.sentinel if sentinel else self._address.credentials, 0)
        try:
            return await link.ask(command)
        finally:
            await link.hang_up()

    async def _open(self, node: Node, credentials: Credentials, database: int) -> Link:
        transports: list[asyncio.WriteTransport] = []

        async def greet(connection: Connection) -> None:
            # redis-py has no public way to cut a connection off, and one that hangs here is never handed out.
            assert connection._writer is not None
            transports.append(connection._writer.transport)
            await connection.on_connect()

        connection = self._connection(node, credentials, database, greet)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py left it unannotated
        except BaseException:
            for transport in transports:
                transport.abort()
            raise
        return Link(connection, transports[-1])

    def _connection(self, node: Node, credentials: Credentials, database: int, greet: object) -> Connection:
        host, port = node
        settings: dict[str, Any] = {  # Any: redis-py's keyword arguments are of many types
            "host": host,
            "port": port,
            "username": credentials.username,
            "password": credentials.password,
            "db": database,
            "protocol": 2,  # one round trip less than RESP3, and nothing here is pushed
            "socket_timeout": None,
            "redis_connect_func": greet,
        }
        if self._tls is None:
            return Connection(**settings)
        connection = _TlsConnection(**settings)
        # One for all: to read the authorities anew would hold the event loop up at every connection.
        connection.ssl_context = self._tls
        return connection


class _TlsConnection(SSLConnection):
    """redis-py's, but for how it begins: TCP first, then TLS.

    In one step nobody has the transport until TLS stands, and one that is given up just then says goodbye at length.
    """

    async def _connect(self) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        raw = writer.transport
        try:
            raw.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await writer.start_tls(self.ssl_context.get(), server_hostname=self.host)
        except BaseException:
            raw.abort()
            raise
        self._reader, self._writer = reader, writer


def _tls_context(tls: Tls) -> RedisSSLContext:
    """Read the files once; ValueError names what is wrong with them."""
    context = RedisSSLContext(
        ca_certs=tls.ca_certs,
        certfile=tls.certfile,
        keyfile=tls.keyfile,
        check_hostname=tls.check_hostname,
        cert_reqs="required" if tls.verify else "none",
    )
    try:
        context.get()
    except OSError as error:
        files = ", ".join(filter(None, (tls.ca_certs, tls.certfile, tls.keyfile)))
        raise ValueError(f"the store's TLS files cannot be used ({error}); check {files}") from error
    return context


def text_of(value: object) -> str:
    """Read a bulk reply as text."""
    if not isinstance(value, bytes):
        raise ResponseError(f"expected text, got {type(value).__name__}")
    return value.decode(errors="replace")


def list_of(value: object) -> Sequence[object]:
    """Read an array reply."""
    if not isinstance(value, list):
        raise ResponseError(f"expected a list, got {type(value).__name__}")
    return value
