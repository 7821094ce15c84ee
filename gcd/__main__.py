"""``python -m gcd``: the command line."""

from gcd.cli import main

main()
