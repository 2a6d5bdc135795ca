"""`python -m services.identity.tests.cheap`: the service as it is, but for what a password's hash costs."""

import sys

from services.identity.app import DEFAULT_PORT, NAME, OPTIONS, compose
from services.identity.tests.conftest import CHEAP
from services.kit.app import serve
from services.kit.settings import from_args

if __name__ == "__main__":
    settings = from_args(NAME, DEFAULT_PORT, sys.argv[1:], extra=OPTIONS)
    serve(compose(settings, policy=CHEAP), settings)
