"""The public port over TLS: the same promises, and certificates that change while it stays open."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.certificates import make_certificates
from tests.edge.agency import Wire
from tests.edge.client import Client, chunked, post, request
from tests.edge.town import Town, running_town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


class SecureTown:
    """A town whose clients speak TLS and believe one authority."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        self.folder = folder

    async def client(self) -> Client:
        return await self.town.client(tls=ssl.create_default_context(cafile=str(self.folder / "ca.pem")))

    def renew(self) -> None:
        """Put new files, of a new authority, in the place of the old ones."""
        make_certificates(self.folder)


def certificate_of(client: Client) -> bytes:
    handshake: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
    certificate = handshake.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _secure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecureTown]:
    directory = tmp_path_factory.mktemp("city")
    files = make_certificates(directory / "tls")
    tls = f", tls: {{certificate: {files.certificate}, key: {files.key}}}, limits: {{body: 20s}}"
    async with running_town(directory, server=tls) as made:
        yield SecureTown(made, directory / "tls")


@pytest_asyncio.fixture(loop_scope="module")
async def secure(_secure: SecureTown) -> AsyncIterator[SecureTown]:
    yield _secure
    await _secure.town.leave()


async def test_agencies_are_told_that_the_citizen_came_by_https(secure: SecureTown) -> None:
    """RFC 7239 section 5.4."""
    client = await secure.client()
    for _ in range(2):
        assert (await client.ask(request())).status == 200
    assert b"x-forwarded-proto: https\r\n" in secure.town.agency.heads[0]
    handshake: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
    assert handshake.version() in ("TLSv1.2", "TLSv1.3")


async def test_a_reload_brings_the_new_certificate_and_open_connections_stay(secure: SecureTown) -> None:
    early = await secure.client()
    before = certificate_of(early)
    assert (await early.ask(request())).status == 200
    secure.renew()
    with pytest.raises(ssl.SSLCertVerificationError):
        await secure.client()  # the old one still serves, and its authority is no longer believed
    assert await secure.town.city.gateway.reload() == ()
    late = await secure.client()
    assert certificate_of(late) != before
    assert (await late.ask(request())).status == 200
    assert (await early.ask(request())).status == 200
    assert certificate_of(early) == before


async def test_a_key_of_another_certificate_is_refused_and_the_old_pair_serves_on(secure: SecureTown) -> None:
    key = secure.folder / "server.key"
    good = key.read_bytes()
    other = make_certificates(secure.folder.parent / "other").key.read_bytes()
    for bad in (other, b"no key"):
        key.write_bytes(bad)
        [error] = await secure.town.city.gateway.reload()
        assert "gateway.yaml:2:" in error
        assert "certificate" in error
        assert (await (await secure.client()).ask(request())).status == 200
    key.write_bytes(good)
    assert await secure.town.city.gateway.reload() == ()


async def test_who_speaks_no_tls_is_not_served(secure: SecureTown) -> None:
    client = await secure.town.client()
    await client.send(request())
    assert b"200" not in await client.rest()
    assert secure.town.agency.wires == []


@pytest.mark.parametrize("leave", [Client.close, Client.reset])
async def test_a_client_that_leaves_is_noticed(secure: SecureTown, leave: Callable[[Client], None]) -> None:
    async def silent(wire: Wire) -> None:
        await wire.head()
        await wire.gone()

    secure.town.agency.play = silent
    client = await secure.client()
    await client.send(request())
    wire = await secure.town.wire()
    await until(lambda: bool(wire.heads))
    leave(client)
    await wire.ended.wait()


async def test_a_refused_client_that_goes_on_sending_gets_its_answer(secure: SecureTown) -> None:
    """RFC 9112 section 9.6."""
    client = await secure.client()
    await client.send(request(b"X-A : 1") + b"x" * 200_000)
    answer = await client.answer()
    assert (answer.status, answer.field("connection")) == (400, "close")


async def test_a_client_that_wants_no_more_is_closed_at_once(secure: SecureTown) -> None:
    client = await secure.client()
    assert (await client.ask(request(b"Connection: close"))).status == 200
    assert await client.is_closed()


async def test_bodies_of_both_framings_pass_both_ways(secure: SecureTown) -> None:
    client = await secure.client()
    body = b"x" * 1_000_000
    sending = asyncio.create_task(client.send(chunked(b"f4240\r\n" + body + b"\r\n0\r\n\r\n")))
    assert (await client.answer()).status == 200
    await sending
    secure.town.agency.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + body)
    assert (await client.ask(request())).body == body


async def test_a_slow_body_is_answered_408(secure: SecureTown) -> None:
    client = await secure.client()
    await client.send(post(b"Content-Length: 10", body=b"hello"))
    wire = await secure.town.wire()
    await until(lambda: bool(wire.heads))
    await secure.town.pass_time(20.1)
    assert (await client.answer()).status == 408


async def test_a_broken_answer_to_http_10_ends_in_bad_order(secure: SecureTown) -> None:
    """RFC 9112 section 9.8: without a closing alert an answer that ends with the connection is not whole."""
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await proceed.wait()

    secure.town.agency.play = play
    client = await secure.client()
    await client.send(request(version=b"HTTP/1.0"))
    await client.reader.readuntil(b"\r\n\r\nhello")
    proceed.set()
    with pytest.raises(ConnectionError):
        await client.reader.read()
