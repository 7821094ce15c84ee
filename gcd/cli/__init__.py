"""The command line: ``gcd compile``, ``gcd inspect``, ``gcd check``, ``gcd sample``.

The commands are declared here and done in modules of their own, imported when they run: ``gcd --help`` costs no more
than click.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from gcd import __version__

__all__ = ["main"]

_LENIENT = ("tightened", "loosened", "viability")


class _Group(click.Group):
    """A group whose commands turn errors into messages and exit statuses."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:  # sorted by type below; what isn't known there is raised again
            from gcd.cli.errors import report

            ctx.exit(report(error))


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gcd")
def main() -> None:
    """Compile grammars for the vocabulary of a language model, look at the result, check texts, draw texts.

    Exit status: 0 all is well, 1 a text was refused, 2 wrong usage, 3 wrong or unsupported grammar, 4 the grammar
    can't be compiled exactly, 5 a limit was reached, 6 unusable artefact, 7 unusable tokenizer, 8 a file can't be
    read or written.
    """


def _a_method(_ctx: click.Context, _option: click.Parameter, name: str) -> str:
    """One of the methods; looked up when the command runs, for they need numpy."""
    from gcd.sampling.methods import METHODS

    if name not in METHODS:
        raise click.BadParameter(f"no method {name!r}; there are {', '.join(METHODS)}")
    return name


def _json_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")(command)


@main.command("compile")
@click.argument("grammar", metavar="GRAMMAR.lark", type=click.Path())
@click.option(
    "--tokenizer",
    "-t",
    required=True,
    metavar="NAME_OR_PATH",
    help="A folder with a tokenizer.json, that file, or a name that transformers knows.",
)
@click.option("--output", "-o", metavar="FILE.gcd", type=click.Path(), help="Default: the grammar's name, here.")
@click.option("--start", "-s", multiple=True, metavar="RULE", help="Start symbol; may be given several times.")
@click.option("--parser", default="auto", show_default=True, type=click.Choice(["auto", "lalr", "earley"]))
@click.option(
    "--lexer",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "contextual", "basic", "dynamic", "dynamic_complete"]),
)
@click.option("--import-path", multiple=True, metavar="FOLDER", type=click.Path(), help="Where %import looks, too.")
@click.option(
    "--lenient",
    multiple=True,
    type=click.Choice(_LENIENT),
    help="Put up with this kind of inexactness; may be given several times.",
)
@click.option("--width", type=int, help="Columns of the model's logits. Default: what its config.json says.")
@click.option("--eos-id", multiple=True, type=int, help="A token that ends a sequence. Default: the model's own.")
@click.option("--forbid-id", multiple=True, type=int, help="A token that is never allowed.")
@click.option(
    "--fill",
    default=2000,
    show_default=True,
    type=click.IntRange(0),
    help="Positions to fill the tables from; the rest fills in use.",
)
@click.option(
    "--fill-seconds", default=10.0, show_default=True, type=click.FloatRange(0), help="Time to spend on that at most."
)
@click.option(
    "--limit", multiple=True, metavar="NAME=VALUE", help="A field of gcd.Limits, such as seconds=120; several times."
)
@_json_option
def compile_command(**options: Any) -> None:
    """Compile a Lark grammar for a tokenizer and save the result.

    Options in the grammar's header comment are used where none is given here.
    """
    from gcd.cli.compile import run

    run(**options)


@main.command("inspect")
@click.argument("file", metavar="FILE.gcd", type=click.Path())
@click.option("--verify", is_flag=True, help="Check the whole file, not only what is needed to open it.")
@_json_option
def inspect_command(**options: Any) -> None:
    """Show what a compiled grammar holds."""
    from gcd.cli.inspect import run

    run(**options)


@main.command("check")
@click.argument("file", metavar="FILE.gcd", type=click.Path())
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option("--file", "-f", "paths", multiple=True, metavar="PATH", help="A text from a file; - is standard input.")
@click.option("--start", "-s", metavar="RULE", help="Start symbol. Default: the grammar's first.")
@click.option("--prefix", is_flag=True, help="Also pass texts that are only the beginning of a sentence.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing; the exit status tells.")
@_json_option
@click.pass_context
def check_command(ctx: click.Context, /, **options: Any) -> None:
    """Check texts against a compiled grammar; exit status 1 if one is refused.

    A refused text is shown up to the place from which on it can't become a sentence any more.
    """
    from gcd.cli.check import run

    ctx.exit(run(**options))


@main.command("sample")
@click.argument("grammar", metavar="GRAMMAR", type=click.Path())
@click.option(
    "--model",
    "-m",
    required=True,
    metavar="NAME_OR_PATH",
    help="A causal language model that transformers knows, or ngram:FILE: an n-gram model of the file's lines.",
)
@click.option("--prompt", "-p", default="", metavar="TEXT")
@click.option("--prompt-file", metavar="PATH", type=click.Path(), help="The prompt from a file.")
@click.option("-n", default=10, show_default=True, type=click.IntRange(1), help="Samples; with smc, particles.")
@click.option("--method", "method_name", default="local", show_default=True, metavar="METHOD", callback=_a_method)
@click.option("--max-tokens", default=64, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--temperature", default=1.0, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--option", metavar="NAME=VALUE", multiple=True, help="The method's own, as ess_threshold=0.9.")
@click.option("--start", "-s", metavar="RULE", help="Start symbol. Default: the grammar's first.")
@click.option("--output", "-o", metavar="FILE.jsonl", type=click.Path(), help="Write the samples there, a line each.")
@click.option("--plot", metavar="FILE.svg", type=click.Path(), help="Draw the law, the ESS, KL estimates.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each sample instead.")
def sample_command(**options: Any) -> None:
    """Draw texts from a language model under a grammar, compiled (.gcd) or not (.lark).

    Each method draws from another law, or with weights; what is printed says which.
    """
    from gcd.cli.sample import run

    run(**options)
