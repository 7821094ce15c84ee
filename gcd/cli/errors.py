"""Errors as messages and exit statuses."""

from __future__ import annotations

import json

import click

from gcd.errors import (
    ArtifactError,
    DatabaseError,
    GcdError,
    GrammarError,
    InexactError,
    LimitError,
    TokenizerError,
)

__all__ = ["report"]

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (GrammarError, 3),
    (InexactError, 4),
    (LimitError, 5),
    (ArtifactError, 6),
    (TokenizerError, 7),
    (OSError, 8),
    (DatabaseError, 9),
    (GcdError, 1),
)


def report(error: Exception, as_json: bool = False) -> int:
    """Print an error that a user can do something about to standard error; return the exit status.

    With `as_json` it is one object on standard output instead: ``{"error": {...}}``.

    Raises:
        Exception: the error itself, if it is another: a mistake in gcd, to be shown with all its traceback.
    """
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), None)
    if status is None:
        raise error
    if isinstance(error, GcdError):
        place, cause, snippet, remedy = error.place, error.cause, error.snippet, error.remedy
    else:
        assert isinstance(error, OSError)
        place = str(error.filename) if error.filename is not None else None
        cause, snippet, remedy = error.strerror or str(error), None, None
    if as_json:
        facts = {"type": type(error).__name__, "status": status, "place": place, "cause": cause, "remedy": remedy}
        click.echo(json.dumps({"error": facts}))
        return status
    click.echo(f"{click.style('error:', fg='red', bold=True)} {f'{place}: ' if place else ''}{cause}", err=True)
    if snippet:
        text, _, carets = snippet.partition("\n")
        click.echo(text + (f"\n{click.style(carets, fg='red')}" if carets else ""), err=True)
    if remedy:
        click.echo(f"  {click.style('try:', fg='green')} {remedy}", err=True)
    return status
