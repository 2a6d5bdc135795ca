"""What a service is told at start, by flags or the environment; a flag wins."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a single service: flag `--sms-url`, variable `IDENTITY_SMS_URL`."""

    name: str
    default: str
    help: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a service needs to start. The assertion's audience is the service's name."""

    name: str
    host: str
    port: int
    database_url: str
    gateway_issuer: str
    gateway_jwks_url: str
    data_dir: Path
    extra: Mapping[str, str]


def from_args(
    name: str,
    default_port: int,
    argv: Sequence[str] | None = None,
    *,
    extra: Sequence[Option] = (),
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Read the settings; a wrong flag ends the process with an explanation (exit 2)."""
    parser = _parser(name, _options(name, default_port) + list(extra), environ)
    values: dict[str, str] = vars(parser.parse_args(argv))
    if not values["port"].isdigit() or int(values["port"]) > 65535:
        parser.error(f"--port must be 0 to 65535, not {values['port']!r}; 0 takes any free port")
    return Settings(
        name=name,
        host=values["host"],
        port=int(values["port"]),
        database_url=values["database_url"],
        gateway_issuer=values["gateway_issuer"],
        gateway_jwks_url=values["gateway_jwks_url"],
        data_dir=Path(values["data_dir"]),
        extra={option.name: values[option.name.replace("-", "_")] for option in extra},
    )


def _options(name: str, default_port: int) -> list[Option]:
    return [
        Option("host", "127.0.0.1", "address to listen on"),
        Option("port", str(default_port), "port to listen on; 0 takes any free one"),
        Option("database-url", f"sqlite:///./{name}.sqlite3", "or postgresql+psycopg://user@host/base"),
        Option("gateway-issuer", "http://127.0.0.1:8080", "`iss` of the assertions to accept"),
        Option(
            "gateway-jwks-url",
            "http://127.0.0.1:8080/.well-known/jwks.json",
            "where the gateway publishes its public keys",
        ),
        Option("data-dir", f"./{name}-files", "folder for uploaded files"),
    ]


def _parser(name: str, options: Sequence[Option], environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{name}",
        description=f"Run the {name} service. It accepts callers only by the gateway's signed assertion.",
        epilog=f"Example: python -m services.{name} --port 8200 --database-url sqlite:////var/lib/{name}.db",
    )
    for option in options:
        # The gateway's address is the same for every service on a machine; the rest is each one's own.
        prefix = "" if option.name.startswith("gateway-") else f"{name}_"
        variable = (prefix + option.name).replace("-", "_").upper()
        default = environ.get(variable, option.default)
        parser.add_argument(
            f"--{option.name}",
            default=default,
            metavar=option.name.split("-")[-1].upper(),
            help=f"{option.help} [{variable}] (default: {default or 'none'})".replace("%", "%%"),
        )
    return parser
