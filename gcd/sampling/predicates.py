"""Ready-made predicates: regexes with backreferences, Python, SQL on a database, SMILES, JSON Schema, Lark, spelling.

Each returns a constraint for `gcd.sample`. Where prefixes can't be judged exactly, ``viable`` errs on the side of yes:
then nothing that is wanted is lost, and texts that come to nothing are refused at their end.
"""

from __future__ import annotations

import ast
import codeop
import json
import re
import sqlite3
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from gcd.errors import SamplingError
from gcd.sampling.predicate import Predicate

__all__ = ["canonical", "json_schema", "lark_parse", "python_source", "regex", "smiles", "sqlite"]


def regex(pattern: str, flags: int = 0, *, timeout: float = 5.0) -> Predicate:
    """Whole texts that match a regex, backreferences and lookaround included. Needs the package regex.

    For regexes that an automaton can hold, `gcd.Grammar.from_regex` is faster, has masks and no dead ends.

    Args:
        pattern: in the notation of the package regex, nearly that of `re`.
        flags: its flags.
        timeout: seconds that one question may take: backreferences make matching exponential at worst. After that the
            run ends with a `PredicateError`.

    Raises:
        ValueError: the pattern is wrong.
    """
    module = _need("regex", "regex")
    try:
        compiled = module.compile(pattern, flags)
    except module.error as error:
        raise ValueError(f"regex {pattern!r}: {error}") from error
    return Predicate(
        lambda text: compiled.fullmatch(text, partial=True, timeout=timeout) is not None,
        lambda text: compiled.fullmatch(text, timeout=timeout) is not None,
        name=f"regex {pattern}",
    )


def python_source() -> Predicate:
    """Programs that Python's own parser takes; prefixes by `codeop`, line by line."""

    def complete(text: str) -> bool:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
        return True

    def viable(text: str) -> bool:
        # The last line may be in the middle of anything; those before it are judged.
        head, newline, _ = text.rpartition("\n")
        if not newline or complete(head + "\n"):
            return True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # None: more is needed. "pass" closes a block that waits for its body.
                return codeop.compile_command(head + "\n", symbol="exec") is None or _open_block(head)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
            return _open_block(head)

    def _open_block(head: str) -> bool:
        indent = re.match(r"[ \t]*", head.rpartition("\n")[2])
        assert indent is not None
        return complete(f"{head}\n{indent[0]} pass\n") or complete(f"{head}\n{indent[0]}pass\n")

    return Predicate(viable, complete, name="python_source")


def sqlite(connection: sqlite3.Connection) -> Predicate:
    """One SQL statement that SQLite can prepare on this database: its tables and columns exist. Nothing is run.

    Prefixes are judged by SQLite's parser up to their last word, which may be unfinished.
    """

    def said(text: str) -> str:
        try:
            connection.execute("EXPLAIN " + text)
        except (sqlite3.Error, sqlite3.Warning) as error:
            return str(error)
        return ""

    def complete(text: str) -> bool:
        return bool(text.strip()) and "\0" not in text and said(text) == ""

    def viable(text: str) -> bool:
        if "\0" in text:
            return False
        head = re.sub(r"[\w$.]*\Z", "", text)
        if head.count("'") % 2 or head.count('"') % 2 or not head.strip():
            return True
        error = said(head)
        return "syntax error" not in error and "unrecognized token" not in error and "one statement" not in error

    return Predicate(viable, complete, name="sqlite")


def smiles() -> Predicate:
    """SMILES of molecules with sane valences, by the package partialsmiles."""
    module = _need("partialsmiles", "partialsmiles")

    def parse(text: str, partial: bool) -> bool:
        try:
            module.ParseSmiles(text, partial=partial)
        except module.Error:
            return False
        return True

    return Predicate(lambda t: parse(t, True), lambda t: bool(t) and parse(t, False), name="smiles")


def json_schema(schema: Any) -> Predicate:
    """JSON texts that the package jsonschema finds valid; judged at the end, so best beside a JSON grammar."""
    module = _need("jsonschema", "jsonschema")
    validator = module.validators.validator_for(schema)(schema)

    def complete(text: str) -> bool:
        try:
            return bool(validator.is_valid(json.loads(text)))
        except (ValueError, RecursionError):
            return False

    return Predicate(lambda text: True, complete, name="json_schema")


def lark_parse(grammar: Any) -> Predicate:
    """Texts that a `lark.Lark` parses. Prefixes aren't judged: best beside a compiled grammar that is wider."""
    unexpected = import_module("lark.exceptions").LarkError

    def complete(text: str) -> bool:
        try:
            grammar.parse(text)
        except unexpected:
            return False
        return True

    return Predicate(lambda text: True, complete, name="lark_parse")


def canonical(encode: Callable[[str], Sequence[int]], decode: Callable[[Sequence[int]], str]) -> Predicate:
    """Token sequences that the tokenizer itself would have made of their text.

    Prefixes are judged up to their last few tokens, which what follows may merge with.

    Args:
        encode: text to ids, without special tokens.
        decode: ids to text.
    """
    tail = 4

    def complete(ids: tuple[int, ...]) -> bool:
        return tuple(encode(decode(ids))) == ids

    def viable(ids: tuple[int, ...]) -> bool:
        text = decode(ids)
        again = tuple(encode(text))
        keep = max(0, len(ids) - tail)
        return "\ufffd" in text or again[:keep] == ids[:keep]

    return Predicate(viable, complete, unit="ids", name="canonical")


def _need(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise SamplingError(f"this predicate needs the package {package}", remedy=f"pip install {package}") from error
