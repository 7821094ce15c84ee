"""Fetch source distributions whose grammars, tests and examples the slow tests read.

    python tools/get_sources.py NAME...

| NAME                                         | what is read                                            |
|----------------------------------------------|---------------------------------------------------------|
| lark                                         | its tests and examples, of the release that is installed |
| syncode                                      | its grammars                                            |
| sqlglot, sqlalchemy, sqlite-utils, datasette | SQL statements in the strings of their tests            |

They are kept in ``$GCD_CACHE/NAME-VERSION`` (GCD_CACHE: ``~/.cache/gcd``). Prints the folders; a second run returns at
once. Nothing of them is copied into the project, and nothing in them is run.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from get_test_model import cache_dir

RELEASES = {
    "lark": version("lark"),  # MIT
    "syncode": "0.4.16",  # MIT
    "sqlglot": "30.30.0",  # MIT
    "sqlalchemy": "2.1.9",  # MIT
    "sqlite-utils": "4.2.1",  # Apache-2.0
    "datasette": "0.65.5",  # Apache-2.0
}


def fetch(package: str) -> Path:
    """The package's unpacked sources; an interrupted run leaves nothing that looks finished."""
    out = cache_dir() / f"{package}-{RELEASES[package]}"
    if out.exists():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{package}-") as scratch:
        # pip asks the package's own build system for its name, in an environment that has what that needs.
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", package, "-d", scratch]
        subprocess.check_call([*command, f"{package}=={RELEASES[package]}"])
        unpacked = Path(scratch) / "unpacked"
        with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as archive:
            archive.extractall(unpacked, filter="data")
        next(unpacked.iterdir()).replace(out)
    return out


def main() -> int:
    """Command line; exit status 1 with one line of cause where one can't be had."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="+", choices=RELEASES, metavar="NAME", help=", ".join(RELEASES))
    for name in parser.parse_args().names:
        try:
            print(fetch(name))
        except (subprocess.CalledProcessError, OSError, StopIteration) as error:
            print(f"the sources of {name} can't be had: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
