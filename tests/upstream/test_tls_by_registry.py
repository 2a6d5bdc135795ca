"""`tls:` of a service, from its file to the handshake: what is written is what is asked for, with each client."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509

from gateway.errors import UpstreamFault
from gateway.registry.certificates import expiry_notice
from gateway.registry.problems import ConfigError
from gateway.registry.snapshot import Snapshot
from gateway.rules.delivery import UpstreamPolicy
from gateway.upstream.tls import pin_of
from tests.registry.files import Registry, service_text
from tests.upstream.agencies import OK, PATIENT, Agency, Wire, agency, request
from tests.upstream.authority import Authority, Issued
from tests.upstream.stepped import Client

NOON = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)


class Secured(Registry):
    """A registry whose service has its TLS files in the folder `services/tls`, beside its own."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.folder = directory / "services" / "tls"
        self.folder.mkdir()
        self.authority = Authority(self.folder)
        self.server: Issued = self.authority.issue("127.0.0.1")

    def upstream(self, urls: Sequence[str], tls: str) -> UpstreamPolicy:
        """Load the registry with these targets and this block."""
        self.service(service_text(upstream=f"{{targets: [{', '.join(urls)}], tls: {tls}}}"))
        return self.load().services["permits"].upstream

    async def ask(self, client: Client, target: Agency, tls: str) -> bytes | None:
        """Ask an agency as this block says. Raises UpstreamFault."""
        policy = self.upstream([target.target.url], tls)
        client.apply([policy])
        return (await client.send(policy.targets[0], request(), PATIENT)).content


@pytest.fixture
def secured(tmp_path: Path) -> Secured:
    return Secured(tmp_path)


async def test_the_authority_is_named_relative_to_the_file(client: Client, secured: Secured) -> None:
    async with agency(tls=secured.authority.server_context(secured.server)) as permits:
        assert await secured.ask(client, permits, "{ca: tls/ca.pem}") == b"ok"
        with pytest.raises(UpstreamFault):  # the system's authorities do not know it
            await secured.ask(client, permits, "{minimum_version: TLSv1.2}")


async def test_another_name_than_the_targets_is_asked_for_and_checked(client: Client, secured: Secured) -> None:
    issued = secured.authority.issue("permits.example")
    async with agency(tls=secured.authority.server_context(issued)) as permits:
        with pytest.raises(UpstreamFault):
            await secured.ask(client, permits, "{ca: tls/ca.pem}")
        with pytest.raises(UpstreamFault):
            await secured.ask(client, permits, "{ca: tls/ca.pem, server_name: other.example}")
        assert permits.received == []
        assert await secured.ask(client, permits, "{ca: tls/ca.pem, server_name: Permits.Example}") == b"ok"


async def test_an_expired_certificate_is_refused(client: Client, secured: Secured) -> None:
    expired = secured.authority.issue("127.0.0.1", until=datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC))
    async with agency(tls=secured.authority.server_context(expired)) as permits:
        with pytest.raises(UpstreamFault, match="expired"):
            await secured.ask(client, permits, "{ca: tls/ca.pem}")
    assert permits.received == []


async def test_only_a_pinned_key_is_spoken_to(client: Client, secured: Secured) -> None:
    other = pin_of(secured.authority.issue("other.example").der)
    async with agency(tls=secured.authority.server_context(secured.server)) as permits:
        with pytest.raises(UpstreamFault, match="pinned"):
            await secured.ask(client, permits, f'{{ca: tls/ca.pem, pins: ["{other}"]}}')
        assert permits.received == []
        pins = f'["{other}", "{pin_of(secured.server.der)}"]'
        assert await secured.ask(client, permits, f"{{ca: tls/ca.pem, pins: {pins}}}") == b"ok"


async def test_an_agency_that_demands_a_certificate_is_shown_ours(client: Client, secured: Secured) -> None:
    secured.authority.issue("gateway")
    context = secured.authority.server_context(secured.server, asks_for_certificate=True)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 tells a client of a refusal only when it has sent already
    async with agency(tls=context) as permits:
        with pytest.raises(UpstreamFault):
            await secured.ask(client, permits, "{ca: tls/ca.pem}")
        assert permits.received == []
        ours = "{ca: tls/ca.pem, certificate: tls/gateway.pem, key: tls/gateway.key}"
        assert await secured.ask(client, permits, ours) == b"ok"


async def test_a_version_below_the_least_is_not_spoken(client: Client, secured: Secured) -> None:
    context = secured.authority.server_context(secured.server)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with agency(tls=context) as permits:
        assert await secured.ask(client, permits, "{ca: tls/ca.pem}") == b"ok"
        with pytest.raises(UpstreamFault):
            await secured.ask(client, permits, "{ca: tls/ca.pem, minimum_version: TLSv1.3}")


async def test_a_reload_takes_files_that_changed_under_their_names_over(client: Client, secured: Secured) -> None:
    async with agency(tls=secured.authority.server_context(secured.server)) as permits:
        for _ in range(2):  # a reload that changes nothing keeps the connection
            assert await secured.ask(client, permits, "{ca: tls/ca.pem}") == b"ok"
        assert permits.connections == 1
        (secured.folder / "other").mkdir()
        other = Authority(secured.folder / "other")
        (secured.folder / "ca.pem").write_bytes(other.ca_path.read_bytes())
        with pytest.raises(UpstreamFault):  # not even over the connection that is open
            await secured.ask(client, permits, "{ca: tls/ca.pem}")


async def test_sockets_ipv6_addresses_and_names_are_reached_as_they_are_written(
    client: Client, secured: Secured
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Wire(reader, writer).request()
        writer.write(OK)
        writer.close()

    socket = await asyncio.start_unix_server(serve, secured.directory / "services" / "permits.sock")
    context = secured.authority.server_context(secured.authority.issue("::1"))
    async with agency(host="::1", tls=context) as by_address, agency(name="localhost") as by_name:
        urls = ["unix:permits.sock", f'"https://[::1]:{by_address.target.port}"', by_name.target.url]
        policy = secured.upstream(urls, "{ca: tls/ca.pem}")
        answers = [(await client.send(target, request(), PATIENT)).content for target in policy.targets]
    socket.close()
    assert answers == [b"ok", b"ok", b"ok"]


def test_one_block_is_for_every_target_that_speaks_tls(secured: Secured) -> None:
    urls = ["https://permits.example", '"https://[::1]:8443/api"', "http://h", "unix:permits.sock"]
    policy = secured.upstream(urls, "{ca: tls/ca.pem, server_name: fd00::0:1}")
    by_name, by_address, plain, socket = policy.targets
    assert by_name.tls is not None
    assert by_name.tls == by_address.tls
    assert by_name.tls.server_name == "fd00::1"
    assert (by_address.host, by_address.port, by_address.base_path) == ("::1", 8443, b"/api")
    assert plain.tls is socket.tls is None
    assert socket.host == str(secured.directory / "services" / "permits.sock")


def test_a_key_that_does_not_belong_to_its_certificate_is_told_at_the_check(secured: Secured) -> None:
    secured.authority.issue("gateway")
    for key, reason in (("127.0.0.1.key", "the key is another certificate's"), ("ca.pem", "no key can be read")):
        with pytest.raises(ConfigError, match=f"permits.yaml:7:53: .*cannot be used with its key: {reason}"):
            secured.upstream(["https://h"], f"{{certificate: tls/gateway.pem, key: tls/{key}}}")


def test_a_certificate_that_has_expired_is_a_warning_for_time_passes_without_a_reload(secured: Secured) -> None:
    old = datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC)
    secured.authority.issue("gateway", until=old)
    text = "{certificate: tls/gateway.pem, key: tls/gateway.key}"
    secured.upstream(["https://h"], text)
    [warning] = snapshot_warnings(secured.load())
    assert "permits.yaml:7:53: " in warning
    assert "the certificate of CN=gateway expired on 2021-01-01 00:00 UTC" in warning


def snapshot_warnings(snapshot: Snapshot) -> list[str]:
    return [one for one in snapshot.warnings if "certificate" in one]


@pytest.mark.parametrize(("days", "told"), [(-1, "expired on 2026-05-31"), (13, "expires on 2026-06-14"), (15, None)])
def test_an_expiry_is_told_two_weeks_ahead(tmp_path: Path, days: int, told: str | None) -> None:
    issued = Authority(tmp_path).issue("a", until=NOON + datetime.timedelta(days=days))
    notice = expiry_notice([x509.load_der_x509_certificate(issued.der)], NOON)
    assert notice is None if told is None else told in str(notice)
