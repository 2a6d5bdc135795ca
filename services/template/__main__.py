"""`python -m services.template`: serve it."""

from services.kit.app import serve
from services.kit.settings import from_args
from services.template.app import NAME, compose

if __name__ == "__main__":
    serve(compose(settings := from_args(NAME, 8200)), settings)
