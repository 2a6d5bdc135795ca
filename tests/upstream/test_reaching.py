"""How agencies are reached: names, addresses, sockets, TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import ManualClock, SystemClock
from gateway.errors import BrokeProtocol, Unreachable
from gateway.rules.delivery import Target, Timeouts, TlsPolicy
from gateway.upstream.addresses import TRUST_SECONDS, LookUp, Resolver
from gateway.upstream.direct import DirectClient
from gateway.upstream.tls import pin_of
from tests.upstream.agencies import OK, PATIENT, Wire, agency, dead_target, request, whole
from tests.upstream.authority import Authority
from tests.upstream.stepped import Client


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def resolving(look_up: LookUp) -> AsyncIterator[DirectClient]:
    client = DirectClient(SystemClock(), resolver=Resolver(SystemClock(), look_up))
    yield client
    await client.aclose()


def with_tls(target: Target, **policy: object) -> Target:
    return replace(target, tls=TlsPolicy(**policy))  # type: ignore[arg-type]  # tests name only what matters


# Unix sockets and IPv6


async def test_agency_on_a_unix_socket_is_reached(client: Client, tmp_path: Path) -> None:
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = await Wire(reader, writer).request()
        lines.append(received.fields[b"host"])
        writer.write(OK)
        await writer.drain()
        writer.close()

    path = str(tmp_path / "permits.sock")
    server = await asyncio.start_unix_server(serve, path)
    target = Target(url=f"unix:{path}", scheme="unix", host=path, port=0)
    assert (await client.send(target, request(), PATIENT)).content == b"ok"
    assert lines == [b"localhost"]
    server.close()


async def test_missing_unix_socket_is_unreachable(client: Client, tmp_path: Path) -> None:
    path = str(tmp_path / "nobody.sock")
    with pytest.raises(Unreachable):
        await client.send(Target(url=f"unix:{path}", scheme="unix", host=path, port=0), request(), PATIENT)


async def test_ipv6_address_is_reached_and_bracketed_in_host(client: Client) -> None:
    async with agency(host="::1") as permits:
        assert (await client.send(permits.target, request(), PATIENT)).content == b"ok"
    assert permits.received[0].fields[b"host"] == b"[::1]:%d" % permits.target.port


# Names


async def test_each_address_of_a_name_gets_its_turn() -> None:
    asked: list[str] = []

    async def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1", "::1"]

    resolver = Resolver(ManualClock(), look_up)
    firsts = [(await resolver.addresses("permits", 80))[0] for _ in range(4)]
    assert sorted(firsts) == ["127.0.0.1", "127.0.0.1", "::1", "::1"]
    assert asked == ["permits"]


async def test_name_is_looked_up_again_after_a_while() -> None:
    clock = ManualClock()
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])

    async def look_up(host: str, port: int) -> list[str]:
        return next(answers)

    resolver = Resolver(clock, look_up)
    assert await resolver.addresses("permits", 80) == ["127.0.0.1"]
    clock.advance(TRUST_SECONDS + 0.1)
    assert await resolver.addresses("permits", 80) == ["127.0.0.2"]


async def test_address_is_never_looked_up() -> None:
    async def look_up(host: str, port: int) -> list[str]:
        raise AssertionError

    assert await Resolver(ManualClock(), look_up).addresses("2001:db8::1", 80) == ["2001:db8::1"]


async def test_next_address_is_tried_when_one_refuses() -> None:
    async def look_up(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.3", "127.0.0.1"]

    async with agency(name="permits.example") as permits, resolving(look_up) as client:
        for _ in range(3):
            assert (await client.send(permits.target, request(), PATIENT)).content == b"ok"
    assert permits.received[0].fields[b"host"] == b"permits.example:%d" % permits.target.port


async def test_name_that_moved_is_found_once_its_old_address_refuses() -> None:
    answers = iter([["127.0.0.2"], ["127.0.0.1"]])

    async def look_up(host: str, port: int) -> list[str]:
        return next(answers)

    async with agency(name="permits.example") as permits, resolving(look_up) as client:
        with pytest.raises(Unreachable):
            await client.send(permits.target, request(), PATIENT)
        assert (await client.send(permits.target, request(), PATIENT)).content == b"ok"


@pytest.mark.parametrize("found", [[], OSError("no such name"), UnicodeError("label too long")])
async def test_name_without_address_is_unreachable(found: list[str] | Exception) -> None:
    async def look_up(host: str, port: int) -> list[str]:
        if isinstance(found, Exception):
            raise found
        return found

    async with resolving(look_up) as client:
        target = replace(dead_target(), host="nowhere.example")
        with pytest.raises(Unreachable):
            await client.send(target, request(), PATIENT)


async def test_localhost_is_a_name_like_any_other(client: Client) -> None:
    async with agency(name="localhost") as permits:
        assert (await client.send(permits.target, request(), PATIENT)).content == b"ok"


async def test_connection_that_does_not_open_in_time_is_unreachable() -> None:
    async def look_up(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with resolving(look_up) as client:
        target = replace(dead_target(), host="slow.example")
        with pytest.raises(Unreachable):
            await client.send(target, request(), Timeouts(connect_seconds=0.05))


# TLS


async def test_certificate_of_a_known_authority_is_accepted(client: Client, authority: Authority) -> None:
    context = authority.server_context(authority.issue("127.0.0.1"))
    async with agency(tls=context) as permits:
        target = with_tls(permits.target, ca_path=str(authority.ca_path))
        for _ in range(2):
            assert (await client.send(target, request(), PATIENT)).content == b"ok"
        assert permits.connections == 1


async def test_certificate_of_an_unknown_authority_is_refused_before_a_byte_is_sent(
    client: Client, authority: Authority
) -> None:
    async with agency(tls=authority.server_context(authority.issue("127.0.0.1"))) as permits:
        with pytest.raises(Unreachable):
            await client.send(permits.target, request(), PATIENT)
    assert permits.received == []


async def test_certificate_for_another_name_is_refused(client: Client, authority: Authority) -> None:
    async with agency(tls=authority.server_context(authority.issue("other.example"))) as permits:
        with pytest.raises(Unreachable):
            await client.send(with_tls(permits.target, ca_path=str(authority.ca_path)), request(), PATIENT)


async def test_name_that_is_asked_for_can_be_given(client: Client, authority: Authority) -> None:
    asked: list[str | None] = []
    context = authority.server_context(authority.issue("permits.example"))
    context.sni_callback = lambda _session, name, _context: asked.append(name)
    async with agency(tls=context) as permits:
        target = with_tls(permits.target, ca_path=str(authority.ca_path), server_name="permits.example")
        assert (await client.send(target, request(), PATIENT)).content == b"ok"
    assert asked == ["permits.example"]


async def test_pinned_key_is_accepted_and_any_other_refused_before_a_byte_is_sent(
    client: Client, authority: Authority
) -> None:
    ours, other = authority.issue("127.0.0.1"), authority.issue("other.example")
    ca_path = str(authority.ca_path)
    async with agency(tls=authority.server_context(ours)) as permits:
        wrong = with_tls(permits.target, ca_path=ca_path, pins=frozenset({pin_of(other.der)}))
        with pytest.raises(Unreachable):
            await client.send(wrong, request(), PATIENT)
        assert permits.received == []
        right = with_tls(permits.target, ca_path=ca_path, pins=frozenset({pin_of(other.der), pin_of(ours.der)}))
        assert (await client.send(right, request(), PATIENT)).content == b"ok"


async def test_agency_that_asks_for_a_certificate_gets_ours(client: Client, authority: Authority) -> None:
    context = authority.server_context(authority.issue("127.0.0.1"), asks_for_certificate=True)
    mine = authority.issue("gateway.example")
    async with agency(tls=context) as permits:
        target = with_tls(
            permits.target,
            ca_path=str(authority.ca_path),
            certificate_path=str(mine.certificate_path),
            key_path=str(mine.key_path),
        )
        assert (await client.send(target, request(), PATIENT)).content == b"ok"


async def test_files_that_cannot_be_read_make_the_target_unreachable(client: Client, authority: Authority) -> None:
    async with agency(tls=authority.server_context(authority.issue("127.0.0.1"))) as permits:
        with pytest.raises(Unreachable):
            await client.send(with_tls(permits.target, ca_path="/nowhere/ca.pem"), request(), PATIENT)


async def test_certificate_renewed_under_the_same_name_is_read_after_a_reload(
    client: Client, authority: Authority, tmp_path: Path
) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(Authority(tmp_path).ca_path.read_bytes())
    async with agency(tls=authority.server_context(authority.issue("127.0.0.1"))) as permits:
        target = with_tls(permits.target, ca_path=str(trusted))
        with pytest.raises(Unreachable):
            await client.send(target, request(), PATIENT)
        trusted.write_bytes(authority.ca_path.read_bytes())
        client.apply([])
        assert (await client.send(target, request(), PATIENT)).content == b"ok"


async def test_answer_until_close_that_tls_did_not_end_properly_is_cut_off(
    direct: Client, authority: Authority
) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of")
        wire.writer.transport.abort()  # no close_notify: anyone on the way could have done this

    async with agency(play, tls=authority.server_context(authority.issue("127.0.0.1"))) as permits:
        target = with_tls(permits.target, ca_path=str(authority.ca_path))
        with pytest.raises(BrokeProtocol):
            await whole(await direct.send(target, request(), PATIENT))
