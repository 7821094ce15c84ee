"""Lark text to `Grammar`: the stages in their order, on one screen.

The language is Lark's, in each of its modes, so all that Lark's own loader can do is Lark's: parsing the text, imports,
templates, the expansion to BNF. What this package adds stands around it: bounds before it, places in its errors, and
after it the reading of *what the result denotes* as a frozen `Grammar`.

A grammar file may carry its options in a comment before its first rule; arguments given explicitly win::

    // gcd: parser=lalr lexer=contextual start=file_input,eval_input postlex=python

``postlex=python`` is `lark.indenter.PythonIndenter`. Lark itself sees only a comment.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from lark.grammar import Rule as LarkRule
from lark.indenter import Indenter, PythonIndenter
from lark.lexer import TerminalDef
from lark.load_grammar import Definition

from gcd.errors import GrammarError, LimitError, UnsupportedError
from gcd.grammar.automaton import Automaton
from gcd.grammar.draft import Draft
from gcd.grammar.earley import transcribe
from gcd.grammar.expansion import check_expansion
from gcd.grammar.ir import Grammar, SourceSpan
from gcd.grammar.lalr import resolve
from gcd.grammar.loader import Importer, ImportPath, load, read_file
from gcd.grammar.normalize import normalize
from gcd.grammar.source import Source
from gcd.grammar.terminals import TerminalTable, quiet
from gcd.grammar.translate import translated
from gcd.limits import Limits

__all__ = ["from_lark"]

_PARSERS = ("auto", "lalr", "earley")
_LEXERS = ("auto", "contextual", "basic", "dynamic", "dynamic_complete")
_DYNAMIC = ("dynamic", "dynamic_complete")
_FLAGS = re.I | re.M | re.S | re.X | re.A | re.U
_DEFAULT_LIMITS = Limits()
_GENERATED = re.compile(r"__(.+)_(?:star|plus|repeat_a\d+_b\d+(?:_opt)?)_\d+")


def from_lark(
    text_or_path: str | os.PathLike[str],
    start: str | Sequence[str] | None = None,
    *,
    parser: str = "auto",
    lexer: str = "auto",
    postlex: Indenter | type[Indenter] | str | None = None,
    g_regex_flags: int = 0,
    import_paths: Sequence[ImportPath] = (),
    regex: bool = False,
    limits: Limits = _DEFAULT_LIMITS,
) -> Grammar:
    """Read a Lark grammar, unmodified.

    Args:
        text_or_path: the grammar, or a path to it: any `os.PathLike`, or a string of one line that ends in ``.lark``.
        start: the start rule or rules. None: what the header comment says, or ``"start"``.
        parser: ``"lalr"`` or ``"earley"``, as in Lark. ``"auto"``: what the header comment says; else LALR, and
            Earley for a grammar with conflicts that Lark's LALR refuses.
        lexer: ``"contextual"`` or ``"basic"`` (LALR), ``"basic"``, ``"dynamic"`` or ``"dynamic_complete"`` (Earley).
            ``"auto"``: what the header comment says; else the parser's default in Lark.
        postlex: an `Indenter`, its class, or ``"python"``. No other post-lexer can be read: it is a program.
        g_regex_flags: `re` flags for all terminals.
        import_paths: where ``%import`` looks besides Lark's library and, for a path, the grammar's own folder: folders
            or Lark's loader functions.
        regex: terminals are written for the `regex` module.
        limits: bounds on the text and on what it expands to.

    Raises:
        GrammarError: the grammar is wrong, or its language is empty.
        UnsupportedError: it is right, but not to be read exactly.
        LimitError: it is over one of the limits.
        TypeError, ValueError: an argument is.
    """
    source, folder, size = _read(text_or_path, limits)
    source.check(limits)
    header = source.header()
    starts = _starts(start, header)
    parser = _choice("parser", parser, _PARSERS, header, source)
    lexer = _choice("lexer", lexer, _LEXERS, header, source)
    indenter = _indenter(postlex, header, source)
    parser = _combination(parser, lexer, indenter)
    flags = _check_flags(g_regex_flags)
    module = _regex_module() if regex else re
    deadline = limits.deadline()

    where = _Where(source, {})

    def check(definitions: Mapping[str, Definition], spans: Mapping[str, SourceSpan]) -> None:
        where.spans = spans
        _check_starts(starts, definitions, source, header)
        check_expansion(definitions, limits, where.of_rule)

    loaded = load(source, Importer(limits, import_paths, folder, size), check)
    deadline.check("reading the grammar")
    always_accept = tuple(indenter.always_accept) if indenter else ()
    with translated(source), _shown(source):
        with quiet():
            terminals, rules, ignore = loaded.compile(starts, set(always_accept))
        limits.check("max_terminals", len(terminals))
        limits.check("max_productions", len(rules))
        deadline.check("expanding the grammar")

        def table(independent: bool) -> TerminalTable:
            used = dict.fromkeys(s.name for rule in rules for s in rule.expansion if s.is_term)
            # The contextual lexer never meets a terminal of rules that no start symbol reaches, so Lark doesn't hold
            # such a terminal's width against it.
            met = None if independent or lexer == "basic" else _reached(rules, starts) | {*ignore, *always_accept}
            return TerminalTable(
                terminals,
                ignore,
                used,
                independent=independent,
                flags=flags,
                module=module,
                span=where.terminal,
                met=met,
            )

        draft, table_used, mode = _parse_tables(
            rules, starts, table, parser, lexer, always_accept, indenter is not None, where.rule
        )
    deadline.check("resolving the grammar")
    with _shown(source):
        return _assemble(draft, table_used, mode, indenter, source)


def _reached(rules: Sequence[LarkRule], starts: Sequence[str]) -> set[str]:
    """Names of the terminals in rules that a start symbol reaches."""
    by_name: dict[str, list[LarkRule]] = {}
    for rule in rules:
        by_name.setdefault(str(rule.origin.name), []).append(rule)
    names = {str(s) for s in starts}
    work = list(names)
    terminals: set[str] = set()
    while work:
        for rule in by_name.get(work.pop(), ()):
            for symbol in rule.expansion:
                name = str(symbol.name)
                if symbol.is_term:
                    terminals.add(name)
                elif name not in names:
                    names.add(name)
                    work.append(name)
    return terminals


def _parse_tables(
    rules: Sequence[LarkRule],
    starts: Sequence[str],
    table: Callable[[bool], TerminalTable],
    parser: str,
    lexer: str,
    always_accept: Sequence[str],
    indented: bool,
    span: Callable[[str], SourceSpan],
) -> tuple[Draft, TerminalTable, str]:
    """The grammar as Lark's parser of the kind asked for reads it, and ``parser/lexer``."""
    refusal = None
    if parser != "earley":
        terminals = table(False)
        contextual = lexer != "basic"
        try:
            automaton = Automaton(rules, starts, terminals.numbers, span)
        except GrammarError as error:
            if parser == "lalr":
                raise
            refusal = error.cause.partition("\n")[0]
        else:
            draft = resolve(automaton, starts, terminals, always_accept=always_accept, contextual=contextual, span=span)
            return draft, terminals, f"lalr/{'contextual' if contextual else 'basic'}"
    if lexer == "auto":
        lexer = "basic" if indented else "dynamic"
    independent = lexer in _DYNAMIC
    terminals = table(independent)
    draft = transcribe(rules, starts, terminals, independent=independent, span=span)
    if refusal:
        draft.notes.append(f"read with the general parser, for LALR refuses: {refusal}")
    return draft, terminals, f"earley/{lexer}"


def _assemble(draft: Draft, table: TerminalTable, mode: str, indenter: Indenter | None, source: Source) -> Grammar:
    indentation = table.indentation(indenter) if indenter else None
    produced = {indentation.indent, indentation.dedent} if indentation else set()
    declared = {i for i, terminal in enumerate(table.terminals) if terminal.declared}
    dead = (declared - produced) | set(table.ignored)
    parts = normalize(draft, dead, table.terminals)
    lexer = mode.partition("/")[2]
    return Grammar(
        terminals=tuple(table.terminals),
        nonterminals=parts.nonterminals,
        productions=parts.productions,
        starts=parts.starts,
        ignore=table.ignored,
        lexsets=tuple(table.lexsets),
        forbids=parts.forbids,
        independent=lexer in _DYNAMIC,
        all_lengths=lexer == "dynamic_complete",
        indentation=indentation,
        mode=mode,
        source=source.text,
        notes=parts.notes,
    )


@contextmanager
def _shown(source: Source) -> Iterator[None]:
    """Add the line with a caret to errors that know only where in `source` they are."""
    try:
        yield
    except GrammarError as error:
        if error.snippet or not error.line or (error.name or "") != source.name:
            raise
        shown = type(error)(
            error.cause,
            remedy=error.remedy,
            name=error.name,
            source=source.text,
            line=error.line,
            column=error.column,
        )
        if isinstance(shown, UnsupportedError) and isinstance(error, UnsupportedError):
            shown.construct = error.construct
        raise shown from None


class _Where:
    """Where the things of Lark's BNF stand in the text that they come from."""

    def __init__(self, source: Source, spans: Mapping[str, SourceSpan]) -> None:
        self._source = source
        self.spans = spans

    def rule(self, name: str) -> SourceSpan:
        """Of a rule of the BNF: those that Lark made for a repetition or a template stand where that does."""
        generated = _GENERATED.fullmatch(name)
        if generated:
            name = generated[1]
        return self.spans.get(name) or self.spans.get(name.partition("{")[0]) or SourceSpan()

    def terminal(self, definition: TerminalDef) -> SourceSpan:
        """Of a terminal; one without a definition stands where it is first written."""
        span = self.spans.get(definition.name)
        if span is None and definition.pattern.raw:
            span = self._source.literal(definition.pattern.raw)
        return span or SourceSpan()

    def of_rule(self, name: str) -> dict[str, Any]:
        """The place of a rule as an error's arguments."""
        span = self.rule(name)
        if not span.line:
            span = self._source.use(name) or span
        source = self._source if span.source == self._source.name else None
        return {
            "name": span.source or None,
            "source": source.text if source else None,
            "line": span.line or None,
            "column": span.column or None,
            "length": len(name),
        }


# -- arguments ------------------------------------------------------------------------------------


def _read(text_or_path: str | os.PathLike[str], limits: Limits) -> tuple[Source, Path | None, int]:
    """The text, the folder that it may import from, and its size in bytes."""
    if not isinstance(text_or_path, (str, os.PathLike)):
        raise TypeError(f"a grammar is a str or a path, not {type(text_or_path).__name__}")
    if isinstance(text_or_path, str) and ("\n" in text_or_path or not text_or_path.endswith(".lark")):
        size = len(text_or_path) if len(text_or_path) > limits.max_grammar_bytes else _utf8_size(text_or_path)
        if size > limits.max_grammar_bytes:
            raise LimitError.of("max_grammar_bytes", limits.max_grammar_bytes, size)
        if text_or_path.strip() and not any(c in text_or_path for c in ":%\n"):
            raise GrammarError(
                f"{text_or_path[:80]!r} is no grammar: it has no rule", remedy="if it is a path, pass pathlib.Path(...)"
            )
        return Source(text_or_path), None, size
    path = Path(text_or_path)
    text = read_file(path, limits)
    return Source(text, str(path)), path.parent.resolve(), _utf8_size(text)


def _utf8_size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _starts(start: str | Sequence[str] | None, header: Mapping[str, tuple[str, int]]) -> list[str]:
    if start is None:
        start = header["start"][0].split(",") if "start" in header else "start"
    starts = [start] if isinstance(start, str) else list(dict.fromkeys(start))
    if not starts or not all(starts):
        raise ValueError(f"start must name at least one rule, not {start!r}")
    return starts


def _choice(
    option: str, value: str, allowed: Sequence[str], header: Mapping[str, tuple[str, int]], source: Source
) -> str:
    if value not in allowed:
        raise ValueError(f"{option} must be one of {', '.join(allowed)}, not {value!r}")
    if value != "auto" or option not in header:
        return value
    value, at = header[option]
    if value not in allowed:
        raise source.error(f"{option} must be one of {', '.join(allowed)}", at, length=len(f"{option}={value}"))
    return value


def _indenter(
    postlex: Indenter | type[Indenter] | str | None, header: Mapping[str, tuple[str, int]], source: Source
) -> Indenter | None:
    if postlex is None and "postlex" in header:
        value, at = header["postlex"]
        if value != "python":
            raise source.error(
                "a header can name one post-lexer only: python",
                at,
                length=len(f"postlex={value}"),
                remedy="pass an Indenter as postlex=",
            )
        postlex = value
    if postlex is None:
        return None
    if postlex == "python":
        return PythonIndenter()
    indenter = postlex() if isinstance(postlex, type) else postlex
    kind = type(indenter)
    if not isinstance(indenter, Indenter):
        raise UnsupportedError.of(
            "post-lexer",
            f"the post-lexer {kind.__name__} is a program, whose effect on the language can't be known",
            remedy="a subclass of lark.indenter.Indenter that only sets names and tab_len",
        )
    for method in ("handle_NL", "_process", "process"):
        if getattr(kind, method) is not getattr(Indenter, method):
            raise UnsupportedError.of(
                "post-lexer",
                f"the post-lexer {kind.__name__} has its own {method}(), whose effect on the language can't be known",
                remedy="a subclass of lark.indenter.Indenter that only sets names and tab_len",
            )
    return indenter


def _combination(parser: str, lexer: str, indenter: Indenter | None) -> str:
    """The parser, once options that exclude each other are out; "auto" only where both parsers are possible."""
    if lexer in _DYNAMIC:
        if indenter:
            raise GrammarError(
                f"a post-lexer can't be used with lexer={lexer!r}", remedy='lexer="basic" or "contextual"'
            )
        if parser == "lalr":
            raise GrammarError(f'parser="lalr" has no lexer {lexer!r}', remedy='lexer="contextual" or "basic"')
        return "earley"
    if lexer == "contextual":
        if parser == "earley":
            raise GrammarError(
                'parser="earley" has no lexer "contextual"', remedy='lexer="dynamic", "dynamic_complete" or "basic"'
            )
        return "lalr"
    return parser


def _check_flags(flags: int) -> int:
    if flags & re.L:
        raise UnsupportedError.of("locale flag", "g_regex_flags: re.LOCALE needs byte patterns")
    if flags & ~_FLAGS:
        raise ValueError(f"g_regex_flags: {re.RegexFlag(flags & ~_FLAGS)!r} has no meaning for a language")
    return int(flags)


def _regex_module() -> ModuleType:
    try:
        return importlib.import_module("regex")
    except ImportError:
        raise UnsupportedError.of(
            "regex module", "regex=True needs the module `regex`", remedy="pip install regex"
        ) from None


def _check_starts(
    starts: Sequence[str],
    definitions: Mapping[str, Definition],
    source: Source,
    header: Mapping[str, tuple[str, int]],
) -> None:
    rules = [str(name) for name, d in definitions.items() if not d.is_term and not d.params]
    for name in starts:
        if name in rules:
            continue
        at = header["start"][1] if "start" in header and name in header["start"][0].split(",") else None
        if name in definitions:
            kind = "a terminal" if definitions[name].is_term else "a template"
            raise source.error(f"the start {name!r} is {kind}, not a rule", at, remedy="a rule that contains it")
        near = difflib.get_close_matches(name, rules, 1)
        known = f"start={near[0]!r}" if near else f"start= one of {', '.join(rules[:8])}" if rules else "define it"
        raise source.error(f"there is no rule {name!r} to start from", at, remedy=known)
