"""``gcd grammars``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from gcd.cli.show import columns
from gcd.grammar.builtin import header, names, path

__all__ = ["list_all", "show"]


def list_all(*, as_json: bool) -> None:
    """Print a line for each grammar that comes with gcd."""
    headers = [header(name) for name in names()]
    if as_json:
        click.echo(json.dumps([asdict(each) for each in headers]))
        return
    for line in columns([(each.name, each.title) for each in headers]):
        click.echo(line)


def show(*, name: str, as_json: bool) -> None:
    """Print a grammar, or with `as_json` its header, path and text."""
    text = path(name).read_text(encoding="utf-8")
    if as_json:
        click.echo(json.dumps({**asdict(header(name)), "path": str(path(name)), "text": text}))
    else:
        click.echo(text, nl=False)
