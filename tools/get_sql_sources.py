"""Fetch the source distributions in whose tests the SQL corpus is found.

    python tools/get_sql_sources.py

They are kept in ``$GCD_CACHE/NAME-VERSION`` (GCD_CACHE: ``~/.cache/gcd``). Prints the folders; a second run returns at
once. Nothing of them is copied into the project, and nothing in them is run.
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from get_test_model import cache_dir

SOURCES = {"sqlglot": "30.30.0", "sqlalchemy": "2.1.9", "sqlite-utils": "4.2.1", "datasette": "0.65.5"}
"""MIT, MIT, Apache-2.0, Apache-2.0."""


def fetch(out: Path, package: str, release: str) -> Path:
    """Fill ``out`` unless it is there; an interrupted run leaves nothing that looks finished."""
    if out.exists():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{package}-") as scratch:
        # pip asks the package's own build system for its name, in an environment that has what that needs.
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", package, "-d", scratch]
        subprocess.check_call([*command, f"{package}=={release}"])
        unpacked = Path(scratch) / "unpacked"
        with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as archive:
            archive.extractall(unpacked, filter="data")
        next(unpacked.iterdir()).replace(out)
    return out


def main() -> int:
    """Command line; exit status 1 with one line of cause where one can't be had."""
    try:
        for package, release in SOURCES.items():
            print(fetch(cache_dir() / f"{package}-{release}", package, release))
    except (subprocess.CalledProcessError, OSError, StopIteration) as error:
        print(f"the sources of the SQL corpus can't be had: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
