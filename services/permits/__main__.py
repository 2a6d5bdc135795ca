"""`python -m services.permits`: run the permits service."""

from services.kit.app import serve
from services.kit.settings import from_args
from services.permits.app import NAME, OPTIONS, make_app


def main() -> None:
    """Read the settings, then serve until told to stop."""
    settings = from_args(NAME, 8102, extra=OPTIONS)
    serve(make_app(settings), settings)


if __name__ == "__main__":
    main()
