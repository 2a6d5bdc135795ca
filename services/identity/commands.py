"""The command line beside the server: accounts for seeding and for the first admin, and the signing keys.

It works on the same database and folder as a running service, which notices within a second.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import MappingProxyType

from services.identity.account_commands import AccountCommands, Refusal
from services.identity.app import DEFAULT_PORT, NAME, OPTIONS, keys_folder, means_of, prepared_engine
from services.identity.signing import SigningKeys, rotated, signer, withdrawn
from services.kit.clock import indonesian_date_time, utc_now
from services.kit.database import Database
from services.kit.problem import Problem
from services.kit.settings import Settings, from_args

_LEAD_SECONDS = 120  # gateways look for new keys at least once a minute

Command = Callable[[argparse.Namespace, Settings], None]


def run_command(argv: Sequence[str]) -> int:
    """Run `accounts …` or `keys …`; return 0, or 1 with the reason on standard error."""
    arguments, rest = _parser().parse_known_args(argv)
    settings = from_args(NAME, DEFAULT_PORT, rest, extra=OPTIONS)
    command: Command = arguments.command
    try:
        command(arguments, settings)
    except (Refusal, LookupError) as exc:
        print(f"identity: {exc}", file=sys.stderr)
        return 1
    except Problem as exc:
        print(f"identity: {(exc.detail or exc.title).en}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.identity",
        description="Look after accounts and signing keys. Takes --database-url and --data-dir as the server does.",
        allow_abbrev=False,
    )
    groups = parser.add_subparsers(required=True)
    accounts = groups.add_parser("accounts", help="add, import, grant, withdraw, list", allow_abbrev=False)
    _account_parsers(accounts.add_subparsers(required=True))
    keys = groups.add_parser("keys", help="list, rotate, withdraw", allow_abbrev=False)
    _key_parsers(keys.add_subparsers(required=True))
    return parser


def _account_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    add = _command(commands, "add", _accounts_add, "open an account; does nothing if it is there already")
    add.add_argument("--name", required=True)
    add.add_argument("--password", required=True, help="or - to read one line from standard input")
    for kind in ("nik", "email", "phone"):
        add.add_argument(f"--{kind}")
    several = "open the accounts told on standard input: a JSON object a line, with the options of `add`"
    _command(commands, "import", _accounts_import, several)
    grant = _command(commands, "grant", _accounts_grant, "raise the assurance level, give roles")
    withdraw = _command(commands, "withdraw", _accounts_withdraw, "take roles away")
    for parser in (grant, withdraw):
        parser.add_argument("--identifier", required=True, help="NIK, e-mail or phone of the account")
    for parser in (add, grant):
        parser.add_argument("--acr", type=int, choices=(1, 2, 3, 4), default=1, help="what to take as proved")
    for parser in (add, grant, withdraw):
        parser.add_argument("--role", action="append", default=[], help="officer:<agency>, operator:112 or admin")
    _command(commands, "list", _accounts_list, "list accounts; identifiers are masked")


def _key_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    _command(commands, "list", _keys_list, "show which key signs and which are published")
    rotate = _command(commands, "rotate", _keys_rotate, "publish a new key that takes over shortly")
    rotate.add_argument("--lead-seconds", type=int, default=_LEAD_SECONDS, help="until it signs (default: %(default)s)")
    withdraw = _command(commands, "withdraw", _keys_withdraw, "drop a stolen key at once; its tokens die")
    withdraw.add_argument("kid")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: Command, help: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
    parser.set_defaults(command=command)
    return parser


@contextmanager
def _accounts(settings: Settings) -> Iterator[AccountCommands]:
    engine = prepared_engine(settings)
    try:
        yield AccountCommands(Database(engine), means_of(settings))
    finally:
        engine.dispose()


def _accounts_add(arguments: argparse.Namespace, settings: Settings) -> None:
    password = sys.stdin.readline().rstrip("\n") if arguments.password == "-" else arguments.password  # noqa: S105
    given: Mapping[str, str | None] = {kind: getattr(arguments, kind) for kind in ("nik", "email", "phone")}
    with _accounts(settings) as accounts:
        print(accounts.add(arguments.name, password, given, tier=arguments.acr, roles=arguments.role))


def _accounts_import(_arguments: argparse.Namespace, settings: Settings) -> None:
    with _accounts(settings) as accounts:
        for number, line in enumerate(sys.stdin, 1):
            try:
                told = json.loads(line)
                name, password, tier, roles = told["name"], told["password"], told.get("acr", 1), told.get("roles", ())
                given = {kind: told.get(kind) for kind in ("nik", "email", "phone")}
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise Refusal(f"line {number} tells no account: {error!r}") from None
            print(accounts.add(name, password, given, tier=tier, roles=roles))


def _accounts_grant(arguments: argparse.Namespace, settings: Settings) -> None:
    with _accounts(settings) as accounts:
        print(accounts.grant(arguments.identifier, tier=arguments.acr, roles=arguments.role))


def _accounts_withdraw(arguments: argparse.Namespace, settings: Settings) -> None:
    with _accounts(settings) as accounts:
        print(accounts.withdraw(arguments.identifier, roles=arguments.role))


def _accounts_list(_arguments: argparse.Namespace, settings: Settings) -> None:
    with _accounts(settings) as accounts:
        print("\n".join(accounts.lines()))


def _keys_list(_arguments: argparse.Namespace, settings: Settings) -> None:
    now = utc_now()
    keys = SigningKeys(keys_folder(settings), utc_now).current()
    signing = signer(keys, now).kid
    for key in keys:
        role = "signs" if key.kid == signing else "published" if key.is_published(now) else "gone"
        until = indonesian_date_time(key.withdrawn_at) if key.withdrawn_at else "further notice"
        print(f"{key.kid}  {role:9}  from {indonesian_date_time(key.signs_from)} until {until}")


def _keys_rotate(arguments: argparse.Namespace, settings: Settings) -> None:
    lead = timedelta(seconds=max(0, arguments.lead_seconds))
    tokens_live = means_of(settings).policy.access_token
    with SigningKeys(keys_folder(settings), utc_now).changing() as keys:
        keys[:] = rotated(keys, utc_now(), lead=lead, tokens_live=tokens_live)
        print(f"{keys[-1].kid} signs from {indonesian_date_time(keys[-1].signs_from)}")


def _keys_withdraw(arguments: argparse.Namespace, settings: Settings) -> None:
    with SigningKeys(keys_folder(settings), utc_now).changing() as keys:
        keys[:] = withdrawn(keys, arguments.kid, utc_now())
        print(f"{arguments.kid} is withdrawn; {signer(keys, utc_now()).kid} signs")


COMMANDS: Mapping[str, str] = MappingProxyType({"accounts": "look after accounts", "keys": "look after signing keys"})
