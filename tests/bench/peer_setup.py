"""The peers: how each is configured (its file is in `peers/`) and started on a free port."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.contenders import Contender, Site, free_port
from tests.bench.programs import find_program

_CACHE_BYTES: Final = 256 << 20
_FILES: Final = Path(__file__).with_name("peers")


@dataclass(frozen=True, slots=True)
class Start:
    """What the arguments of a peer are made of: where it stands, and how much a cache may keep in memory."""

    config: Path
    folder: Path
    port: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer: whose program it is, its configuration, and the arguments that start it."""

    program: str
    file: str
    arguments: Callable[[Start], Sequence[str]]
    tls: str = ""  # what a listener says to speak TLS
    open_files: str = ""  # how nginx is told to keep files open


def _nginx(start: Start) -> Sequence[str]:
    return ["-c", str(start.config), "-p", str(start.folder)]


def _haproxy(start: Start) -> Sequence[str]:
    return ["-db", "-f", str(start.config)]


def _envoy(start: Start) -> Sequence[str]:
    return ["-c", str(start.config), "--concurrency", "1", "-l", "error", "--disable-hot-restart"]


def _varnish(start: Start) -> Sequence[str]:
    place = f"-F -j none -n {start.folder / 'work'} -a 127.0.0.1:{start.port} -f {start.config}"
    return f"{place} -s malloc,{start.memory_bytes} -p thread_pools=1 -p thread_pool_min=50".split()


_ENVOY_TLS: Final = """transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                tls_certificates:
                  - {certificate_chain: {filename: DIRECTORY/server.pem}, private_key: {filename: DIRECTORY/server.key}}
"""
_OPEN_FILES: Final = "open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s;"
_PEERS: Final = {
    "nginx": Peer("nginx", "nginx.conf", _nginx, tls="ssl"),
    "haproxy": Peer("haproxy", "haproxy.cfg", _haproxy, tls="ssl crt DIRECTORY/server-both.pem"),
    "envoy": Peer("envoy", "envoy.yaml", _envoy, tls=_ENVOY_TLS),
    "nginx cache": Peer("nginx", "nginx-cache.conf", _nginx),
    "nginx cache, files kept open": Peer("nginx", "nginx-cache.conf", _nginx, open_files=_OPEN_FILES),
    "varnish": Peer("varnish", "varnish.vcl", _varnish),
    "envoy cache": Peer("envoy", "envoy-cache.yaml", _envoy),
}


def programs_of(names: Sequence[str]) -> list[str]:
    """Return the programs that these peers need, each once."""
    return list(dict.fromkeys(_PEERS[name].program for name in names if name in _PEERS))


def start_peer(
    name: str, site: Site, *, tls: bool = False, below: str = "", memory_bytes: int = _CACHE_BYTES
) -> Contender | None:
    """Start one of the peers, or return None where its program is not installed."""
    folder = site.directory / below / f"{name}{'-tls' if tls else ''}".replace(" ", "-").replace(",", "")
    folder.mkdir(parents=True)
    port = free_port()
    if name == "naive":
        command = [sys.executable, "-m", "tests.bench.naive", str(port), f"http://127.0.0.1:{site.agency_port}"]
        return Contender(name, command, port, cwd=folder)
    peer = _PEERS[name]
    program = find_program(peer.program)
    if program is None:
        return None
    config = _configure(peer, folder, site, port, tls=tls)
    start = Start(config, folder, port, memory_bytes)
    return Contender(name, [program, *peer.arguments(start)], port, cwd=folder)


def _configure(peer: Peer, folder: Path, site: Site, port: int, *, tls: bool) -> Path:
    text = (_FILES / peer.file).read_text()
    # TLS first: what it says holds marks of its own.
    marks = {
        "TLS_SETTING": peer.tls if tls else "",
        "OPEN_FILES": peer.open_files,
        "AGENCY_PORT": str(site.agency_port),
        "PORT": str(port),
        "FOLDER": str(folder),
        "DIRECTORY": str(site.directory),
        "ISSUER": site.issuer,
    }
    for mark, value in marks.items():
        text = text.replace(mark, value)
    target = folder / peer.file
    target.write_text(text)
    return target
