"""Compiles `tls:` of an upstream, and judges the files it names before the first handshake would."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.registry.certificates import certificates_in, client_context, expiry_notice, reason_of
from gateway.registry.findings import Findings
from gateway.registry.reader import Loc
from gateway.registry.schema.upstream import TargetTls, Upstream
from gateway.rules.delivery import TlsPolicy

_HERE: Final = ("upstream", "tls")


def tls_policy(upstream: Upstream, findings: Findings, directory: str) -> TlsPolicy | None:
    """Compile how targets of `upstream` and the gateway prove who they are; relative paths start from `directory`."""
    block = upstream.tls
    if block is None:
        return None
    if not any(url.startswith("https://") for url in upstream.targets):
        remedy = "write https:// before the target, or remove the block"
        findings.refuse(_HERE, "no target speaks TLS, so this block would do nothing", remedy, of_key=True)
    if block.key is not None and block.certificate is None:
        remedy = "write `certificate: …` beside it, or remove it"
        findings.refuse((*_HERE, "key"), "a key without its certificate", remedy, of_key=True)
    before = len(findings.problems)
    paths = _existing_files(block, findings, Path(directory))
    policy = TlsPolicy(
        server_name=block.server_name,
        ca_path=_text(paths.get("ca")),
        pins=frozenset(block.pins),
        certificate_path=_text(paths.get("certificate")),
        key_path=_text(paths.get("key")),
        minimum_version=block.minimum_version,
        fingerprint=_fingerprint(paths),
    )
    if len(findings.problems) == before:
        _judge(policy, findings)
    return policy


def warn_of_expiry(loc: Loc, path: Path, findings: Findings, *, of_all: bool = False) -> None:
    """Warn when a certificate of the file named at `loc` has expired or soon will; `of_all`: when the last one has.

    Raises OSError, and ValueError when the file holds none.
    """
    certificates = certificates_in(path)
    if of_all:  # old authorities stay in bundles for years
        certificates = [max(certificates, key=lambda one: one.not_valid_after_utc)]
    notice = expiry_notice(certificates, datetime.now(UTC))
    if notice is not None:
        findings.warn(loc, notice)


def _existing_files(block: TargetTls, findings: Findings, directory: Path) -> dict[str, Path]:
    named = {"ca": block.ca, "certificate": block.certificate, "key": block.key}
    return {
        setting: findings.existing((*_HERE, setting), name, directory)
        for setting, name in named.items()
        if name is not None
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _fingerprint(paths: dict[str, Path]) -> str:
    """Return the SHA-256 of what the files hold; those that cannot be read are told by others."""
    total = hashlib.sha256()
    for path in paths.values():
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest() if paths else ""


def _judge(policy: TlsPolicy, findings: Findings) -> None:
    """Refuse files that cannot do what they are named for; each is told at its own place."""
    readable = [
        _holds_certificates(setting, path, findings)
        for setting, path in (("ca", policy.ca_path), ("certificate", policy.certificate_path))
        if path is not None
    ]
    if policy.certificate_path is None or not all(readable):
        return
    try:
        client_context(policy)
    except OSError as error:
        findings.refuse(
            (*_HERE, "certificate"),
            f"the certificate cannot be used with its key: {reason_of(error)}",
            "write a PEM file with the whole chain, and the PEM file of its key, without a password",
        )


def _holds_certificates(setting: str, path: str, findings: Findings) -> bool:
    loc = (*_HERE, setting)
    try:
        warn_of_expiry(loc, Path(path), findings, of_all=setting == "ca")
    except OSError as error:
        findings.refuse(loc, f"the file cannot be read: {error.strerror}", "let the gateway's user read it")
    except ValueError:
        findings.refuse(loc, "the file holds no certificate", "write a PEM file, which begins with BEGIN CERTIFICATE")
    else:
        return True
    return False
