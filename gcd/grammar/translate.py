"""Lark's exceptions as gcd's errors, with a place wherever one can be found.

Lark says where a text stops being a grammar. For what is wrong in a well-formed text (an undefined name, two rules
alike) it names the symbol only; the text was cut into tokens before, so the symbol is looked up there. Where Lark has
no check at all, it fails with whatever Python raises (an assertion, a KeyError): these are errors of the grammar, too.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager

from lark.exceptions import LarkError, UnexpectedInput, VisitError

from gcd.errors import GcdError, GrammarError, UnsupportedError
from gcd.grammar.ir import SourceSpan
from gcd.grammar.source import Source

__all__ = ["translated"]

_SYNTAX = re.compile(r"(?P<what>.*?),? at line (?P<line>\d+),? column (?P<column>\d+)", re.DOTALL)
_UNDEFINED = re.compile(r"(?:Rule|Terminal|Template) '(\w+)' used but not defined(?: \(in (?P<where>.*)\))?")
_UNDEFINED_TERMINAL = re.compile(r"Terminal used but not defined: (\w+)")
_QUOTED = re.compile(r"'(\w+)'")
_WRITTEN = re.compile(r'"(?:[^"\\]|\\.)*"i?|/(?:[^/\\]|\\.)+/[imslux]*')
_NAMES = re.compile(r"'(\w+)'|<(\w+) :|\b(?:terminal|symbol|rule|template|name|in|at|for) '?(_?[A-Za-z]\w*)")


@contextmanager
def translated(source: Source) -> Iterator[None]:
    """Run Lark's code on `source`; what it raises comes out as a `GrammarError`."""
    try:
        yield
    except GcdError:
        raise
    except UnexpectedInput as error:
        expected = sorted(getattr(error, "accepts", None) or getattr(error, "expected", None) or ())
        found = getattr(error, "token", None)
        cause = f"{str(found)!r} can't stand here" if found is not None else "this can't stand here"
        remedy = f"one of {', '.join(expected)}" if 0 < len(expected) < 8 else None
        raise source.error_at(cause, SourceSpan(max(error.line, 0), max(error.column, 0)), remedy=remedy) from None
    except VisitError as error:  # what a callback raised while Lark walked a tree
        if isinstance(error.orig_exc, RecursionError):
            raise _too_deep(source) from None
        raise _from_message(_words(error.orig_exc), source) from None
    except LarkError as error:
        raise _from_message(_words(error), source) from None
    except ImportError:
        raise UnsupportedError.of(
            "unicode property",
            "a terminal uses \\p{...}, for which Lark needs the module `regex`",
            name=source.name or None,
            remedy="pip install regex, and pass regex=True",
        ) from None
    except RecursionError:
        raise _too_deep(source) from None
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
        re.error,
    ) as error:
        raise _from_message(_words(error), source) from None


def _words(error: Exception) -> str:
    """What an exception says. Of Lark's (text, cause) pairs the cause; of a bare assertion that it was one."""
    cause = error.args[-1] if error.args else None
    if isinstance(cause, SyntaxError):
        return f"{error.args[0]!r} is no valid text: {cause.msg}"
    if isinstance(error, LarkError):
        return str(error)
    return f"Lark's loader refuses this grammar ({type(error).__name__}{f': {error}' if str(error) else ''})"


def _too_deep(source: Source) -> GrammarError:
    return GrammarError(
        "a rule or terminal is nested too deeply for Lark's loader",
        name=source.name or None,
        remedy="give the inner parts rules of their own",
    )


def _from_message(message: str, source: Source) -> GrammarError:
    syntax = _SYNTAX.match(message)
    if syntax:
        what = syntax["what"].strip() or "the text is no grammar"
        return source.error_at(_lower(what), SourceSpan(int(syntax["line"]), int(syntax["column"])))
    undefined = _UNDEFINED.match(message) or _UNDEFINED_TERMINAL.match(message)
    if undefined:
        name = undefined[1]
        near = difflib.get_close_matches(name, source.defined, 1)
        inside = f" (in {undefined['where']})" if "where" in undefined.groupdict() and undefined["where"] else ""
        return source.error_at(
            f"{name!r} is used but not defined{inside}",
            source.use(name) or SourceSpan(),
            length=len(name),
            remedy=f"did you mean {near[0]!r}?" if near else "define it, or %import it",
        )
    if "more than once" in message:
        again = _QUOTED.search(message)
        if again:
            return source.error_at(_lower(message), source.last_definition(again[1]), length=len(again[1]))
    written = _WRITTEN.search(message)
    if written and source.literal(written[0]):
        return source.error_at(_lower(message), source.literal(written[0]), length=len(written[0]))
    for match in _NAMES.finditer(message):
        name = next(group for group in match.groups() if group)
        span = source.definition(name) or source.use(name)
        if span:
            return source.error_at(_lower(message), span, length=len(name))
    return source.error_at(_lower(message), SourceSpan())


def _lower(text: str) -> str:
    """Without the capital of a sentence: `Rules defined twice` -> `rules defined twice`."""
    return text[:1].lower() + text[1:] if text[1:2].islower() and not text.startswith("Lark") else text
