"""How the supervisor starts a worker: `python -m gateway.workers CONFIG NUMBER CHANNEL LISTENERS`; not for people."""

import sys

from gateway.workers.worker import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
