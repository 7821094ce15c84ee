"""``python -m bench COMMAND``: every module of this folder that has a ``main(argv)`` is a command."""

import ast
import sys
from importlib import import_module
from pathlib import Path


def commands() -> dict[str, str]:
    """Each command and the first line of its module's docstring. Reads the modules without importing them."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.name.startswith("_"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def main(argv: list[str]) -> int:
    """Run a command; without one, list them."""
    known = commands()
    if argv and argv[0] in known:
        status = import_module(f"bench.{argv[0]}").main(argv[1:])
        return int(status or 0)
    wants_help = not argv or argv[0] in ("-h", "--help")
    print("usage: python -m bench COMMAND [options]    (COMMAND --help: its options)\n")
    for name, line in known.items():
        print(f"  {name:<12}{line}")
    if not wants_help:
        print(f"\nno command {argv[0]!r}", file=sys.stderr)
    return 0 if wants_help else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
