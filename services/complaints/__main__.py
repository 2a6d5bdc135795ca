"""`python -m services.complaints`: serve Laksa."""

import sys

from services.complaints.app import DEFAULT_PORT, NAME, OPTIONS, compose
from services.kit.app import serve
from services.kit.settings import from_args


def main() -> None:
    """Serve until told to end."""
    settings = from_args(NAME, DEFAULT_PORT, sys.argv[1:], extra=OPTIONS)
    serve(compose(settings), settings)


if __name__ == "__main__":
    main()
