"""Fetch SynCode's source distribution, whose grammars a slow test reads.

    python tools/get_syncode_sdist.py

It is kept in ``$GCD_CACHE/syncode-VERSION`` (GCD_CACHE: ``~/.cache/gcd``). Prints the folder; a second run returns at
once.
"""

import subprocess
import sys

from get_lark_sdist import fetch
from get_test_model import cache_dir

VERSION = "0.4.16"


def main() -> int:
    """Command line; exit status 1 with one line of cause where it can't be had."""
    try:
        print(fetch(cache_dir() / f"syncode-{VERSION}", "syncode", VERSION))
    except (subprocess.CalledProcessError, OSError, StopIteration) as error:
        print(f"SynCode's source distribution can't be had: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
