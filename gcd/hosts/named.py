"""Grammars that requests name: artefacts in one folder, for hosts whose requests come from afar.

A name is that of a file in the folder named by ``GCD_GRAMMARS``, without ``.gcd``. It can't lead out of the folder, and
a request can't have anything compiled, so it costs a server no more than a mapped file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gcd.compiled_grammar import CompiledGrammar, load
from gcd.prefix.line import Constraint
from gcd.prefix.marker import Marker

__all__ = ["NamedGrammars", "check_request"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_OPTIONS = {"grammar", "start", "start_after", "stop_at"}


def check_request(request: object) -> dict[str, Any]:
    """A request's argument as a dictionary: a name, or a mapping with "grammar" and options.

    Raises:
        ValueError: it is neither, the name isn't one, or an option is unknown or of a wrong type.
    """
    options = {"grammar": request} if isinstance(request, str) else request
    if not isinstance(options, Mapping) or not isinstance(options.get("grammar"), str):
        raise ValueError(f'gcd: give a grammar\'s name, or {{"grammar": name, ...}}, not {_short(request)}')
    unknown = sorted(str(key) for key in options if key not in _OPTIONS)
    if unknown:
        raise ValueError(f"gcd: unknown option {_short(unknown[0])}; there are {', '.join(sorted(_OPTIONS))}")
    if not _NAME.fullmatch(options["grammar"]):
        raise ValueError(f"gcd: {_short(options['grammar'])} is no grammar's name: letters, digits and _.-, up to 100")
    if not isinstance(options.get("start", ""), str):
        raise ValueError("gcd: start must be the name of a start symbol")
    for name in ("start_after", "stop_at"):
        marker = options.get(name, "")
        if not isinstance(marker, str) and not (
            isinstance(marker, (list, tuple)) and all(type(token) is int for token in marker)
        ):
            raise ValueError(f"gcd: {name} must be text or a list of token ids")
    return dict(options)


class NamedGrammars:
    """The artefacts of a folder, loaded when first named, and again when a file was replaced."""

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        """`folder`: default the one that ``GCD_GRAMMARS`` names.

        Raises:
            ValueError: there is none, or it isn't a folder.
        """
        where = folder or os.environ.get("GCD_GRAMMARS")
        if not where or not Path(where).is_dir():
            raise ValueError(
                f"GCD_GRAMMARS must name the folder of the .gcd files that requests may use, not {where!r}"
            )
        self.folder = Path(where)
        self._known: dict[str, tuple[tuple[int, int], CompiledGrammar]] = {}

    def grammar(self, name: str) -> CompiledGrammar:
        """A grammar by its name.

        Raises:
            ValueError: no such name, or no such file.
            ArtifactError: the file is damaged or of another version.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"gcd: {_short(name)} is no grammar's name")
        path = self.folder / f"{name}.gcd"
        try:
            stat = path.stat()
        except OSError:
            there = sorted(p.stem for p in self.folder.glob("*.gcd"))[:20]
            raise ValueError(f"gcd: no grammar {name!r}; there are {', '.join(there) or 'none'}") from None
        version = stat.st_mtime_ns, stat.st_ino
        known = self._known.get(name)
        if known is None or known[0] != version:
            known = self._known[name] = version, load(path)
        return known[1]

    def constraint(self, request: object) -> Constraint:
        """What a request asks for, see `check_request`; raises what that and `grammar` raise, and for wrong markers."""
        options = check_request(request)
        compiled = self.grammar(options["grammar"])
        markers = {
            name: Marker(options[name], compiled.vocab, name)
            for name in ("start_after", "stop_at")
            if options.get(name)
        }
        after, stop = markers.get("start_after"), markers.get("stop_at")
        return Constraint(compiled, options.get("start"), start_after=after, stop_at=stop)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
