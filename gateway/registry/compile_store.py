"""Judges the files that the store's URL names before the first handshake would. Its value is never shown."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from gateway.registry.certificates import reason_of
from gateway.registry.findings import Findings
from gateway.registry.store_address import Tls

_HERE: Final = ("store", "url")


def check_store_files(tls: Tls | None, findings: Findings) -> None:
    """Refuse what is not there, or cannot do what it is named for."""
    named = () if tls is None else (tls.ca_certs, tls.certfile, tls.keyfile)
    absent = [path for path in named if path is not None and not Path(path).is_file()]
    for path in absent:
        remedy = "create it, or correct the URL; paths are relative to this file"
        findings.refuse(_HERE, f"the file {path} does not exist", remedy, hidden=True)
    if tls is None or absent:
        return
    try:
        context = ssl.create_default_context(cafile=tls.ca_certs)
    except OSError:
        remedy = "write a PEM file, which begins with BEGIN CERTIFICATE"
        findings.refuse(_HERE, "the file of ssl_ca_certs holds no certificate", remedy, hidden=True)
        return
    try:
        if tls.certfile is not None:
            context.load_cert_chain(tls.certfile, tls.keyfile, password=lambda: "")
    except OSError as error:
        reason = f"ssl_certfile cannot be used with its key: {reason_of(error)}"
        remedy = "write a PEM file with the whole chain, and in ssl_keyfile its key, without a password"
        findings.refuse(_HERE, reason, remedy, hidden=True)
