"""`python -m services.emergency`: serve 112."""

import sys

from services.emergency.app import DEFAULT_PORT, NAME, compose
from services.kit.app import serve
from services.kit.settings import from_args


def main() -> None:
    """Serve until told to end."""
    settings = from_args(NAME, DEFAULT_PORT, sys.argv[1:])
    serve(compose(settings), settings)


if __name__ == "__main__":
    main()
