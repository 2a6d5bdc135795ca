"""`python -m services.identity`: serve, or with `accounts …` and `keys …` look after accounts and signing keys."""

import sys
from collections.abc import Sequence

from services.identity.app import DEFAULT_PORT, NAME, OPTIONS, compose
from services.identity.commands import COMMANDS, run_command
from services.kit.app import serve
from services.kit.settings import from_args


def main(argv: Sequence[str]) -> int:
    """Run what the arguments ask for; return the exit code."""
    if argv and argv[0] in COMMANDS:
        return run_command(argv)
    settings = from_args(NAME, DEFAULT_PORT, argv, extra=OPTIONS)
    serve(compose(settings), settings)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
