"""Coverage-guided fuzzing: python -m tests.fuzz [requests|answers|chunks] [--minutes N]. Not part of `make test`.

Without a name all readers are fuzzed, one after the other, in a process each, with an equal share of the time. What is
found interesting stays in `.fuzz/<name>/` and is where the next run begins; what fails is written to `.fuzz/` and told.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(".fuzz")
_MAX_BYTES: Final = 2_048  # longer messages repeat themselves
_WORDS: Final = (
    *("\\x0d\\x0a", "\\x0d\\x0a\\x0d\\x0a", "\\x0a", "\\x0d", "\\x00", "\\x09", ": ", " :", "HTTP/1.1", "HTTP/1.0"),
    *("Host: a\\x0d\\x0a", "Content-Length: 5\\x0d\\x0a", "Transfer-Encoding: chunked\\x0d\\x0a", "chunked", "gzip, "),
    *("Connection: close\\x0d\\x0a", "Upgrade: websocket\\x0d\\x0a", "Expect: 100-continue\\x0d\\x0a", "GET ", "POST "),
    *("0\\x0d\\x0a\\x0d\\x0a", "5\\x0d\\x0ahello\\x0d\\x0a", ";a=\\x22b\\x22", "/%2e%2e/", "http://a/", "204 ", "304 "),
)


def main() -> int:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--minutes", type=float, default=10.0)
    told = parser.parse_args()
    if told.name is not None:
        return _fuzz(told.name, told.minutes)
    names = ("requests", "answers", "chunks")
    command = [sys.executable, "-m", "tests.fuzz", "--minutes", str(told.minutes / len(names))]
    failed = [name for name in names if subprocess.run([*command, name], check=False).returncode]
    print(f"unexplained: {', '.join(failed)}; see {_FOLDER}/" if failed else "every difference is explained")
    return int(bool(failed))


def _fuzz(name: str, minutes: float) -> int:
    """Fuzz one reader in this process, which ends with it."""
    atheris: Any = importlib.import_module("atheris")  # only where it is installed: `make fuzz`
    with atheris.instrument_imports(include=["gateway.wire", "gateway.paths", "h11"]):
        readers: Any = importlib.import_module("tests.fuzz.readers")  # imports what is instrumented
    corpus = _FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in readers.seeds(name):
        (corpus / sha256(seed).hexdigest()[:40]).write_bytes(seed)
    words = _FOLDER / "words"
    words.write_text("".join(f'"{word}"\n' for word in _WORDS))
    options = [
        *(f"-max_total_time={int(minutes * 60)}", f"-max_len={_MAX_BYTES}", f"-dict={words}"),
        *(f"-artifact_prefix={_FOLDER}/{name}-", "-print_final_stats=1", "-timeout=10", str(corpus)),
    ]
    atheris.Setup([sys.argv[0], *options], readers.READERS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
