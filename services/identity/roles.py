"""Which roles exist; who holds one is a matter of each account's events."""

import re

ROLE = re.compile(r"officer:[A-Z][A-Za-z0-9_]{1,30}|operator:112|admin")
