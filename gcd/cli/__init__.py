"""The command line: ``gcd compile``, ``inspect``, ``check``, ``explain``, ``generate``, ``sample``, ``grammars``,
``completions``.

The commands are declared here and done in modules of their own, imported when they run: ``gcd --help`` costs no more
than click.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from gcd import __version__

__all__ = ["main"]

_LENIENT = ("tightened", "loosened", "viability")


class _Command(click.Command):
    """A command that turns errors into messages and exit statuses."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:  # sorted by type below; what isn't known there is raised again
            from gcd.cli.errors import report

            ctx.exit(report(error, bool(ctx.params.get("as_json"))))


class _Group(click.Group):
    """The commands, in the order in which they are used."""

    command_class = _Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gcd")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Compile grammars for the vocabulary of a language model, look at the result, check texts, generate.

    \b
    gcd compile sql.lark --tokenizer gpt2     makes sql.gcd
    gcd inspect sql.gcd                       what is in it
    gcd check sql.gcd 'SELECT 1;'             is this a sentence?
    gcd explain sql.gcd 'SELECT FROM'         why not, and what could stand there
    gcd generate MODEL sql.gcd -p 'Query:'    let a model write one

    \b
    Exit status:
      0  all is well
      1  a text was refused, or cut off
      2  wrong usage
      3  wrong or unsupported grammar
      4  the grammar can't be compiled exactly
      5  a limit was reached
      6  unusable artefact
      7  unusable tokenizer
      8  a file can't be read or written
      9  a database can't be read, or hasn't what was asked for

    Results go to standard output, messages and progress to standard error. Colours are for terminals only; NO_COLOR
    switches them off there, too.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def _a_method(_ctx: click.Context, _option: click.Parameter, name: str) -> str:
    """One of the methods; looked up when the command runs, for they need numpy."""
    from gcd.sampling.methods import METHODS

    if name not in METHODS:
        raise click.BadParameter(f"no method {name!r}; there are {', '.join(METHODS)}")
    return name


def _json_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")(command)


@main.command("compile")
@click.argument("grammar", metavar="[GRAMMAR]", type=click.Path(), required=False)
@click.option(
    "--database",
    metavar="URL",
    help="Instead of GRAMMAR: the statements that this database prepares (SQLAlchemy's URL, or an SQLite file).",
)
@click.option(
    "--statements",
    default="select",
    show_default=True,
    metavar="KINDS",
    help="With --database: of select, insert, update, delete, with commas.",
)
@click.option("--table", "tables", multiple=True, metavar="NAME", help="With --database: only this table, and so on.")
@click.option(
    "--kind",
    "-k",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "lark", "regex", "choices", "schema"]),
    help="What GRAMMAR holds. auto: by its ending: .lark, .regex, .txt (a choice on each line), .json (JSON Schema).",
)
@click.option(
    "--tokenizer",
    "-t",
    required=True,
    metavar="NAME_OR_PATH",
    help="A folder with a tokenizer, its file (tokenizer.json, tekken.json, tokenizer.model, *.tiktoken), or a name "
    "that transformers knows.",
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
@click.option("--matching", metavar="PATTERN", help="Keep the sentences that this pattern matches as a whole.")
@click.option("--must-include", multiple=True, metavar="PHRASE", help="Keep the sentences with this phrase in them.")
@click.option("--must-not-include", multiple=True, metavar="PHRASE", help="Keep the sentences without this phrase.")
@click.option("--import-path", multiple=True, metavar="FOLDER", type=click.Path(), help="Where %import looks, too.")
@click.option(
    "--lenient",
    multiple=True,
    type=click.Choice(_LENIENT),
    help="Put up with this kind of inexactness; may be given several times.",
)
@click.option(
    "--guards",
    default="off",
    show_default=True,
    type=click.Choice(["off", "safe"]),
    help="Of a JSON Schema: bounds on numbers, strings and lists without end.",
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
    """Compile a grammar for a tokenizer and save the result.

    Options in the header comment of a Lark grammar are used where none is given here. GRAMMAR may also be the name of
    one that comes with gcd (gcd grammars).

    \b
    gcd compile sql.lark -t meta-llama/Llama-3.1-8B -o sql.gcd
    gcd compile date.regex -t ./my-model
    gcd compile --database sqlite:///shop.db -t ./my-model -o shop.gcd
    """
    from gcd.cli.compile import run

    run(**options)


@main.command("inspect")
@click.argument("file", metavar="FILE.gcd", type=click.Path())
@click.option("--verify", is_flag=True, help="Check the whole file, not only what is needed to open it.")
@click.option("--terminals", is_flag=True, help="List the grammar's terminals, too.")
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


@main.command("explain")
@click.argument("file", metavar="FILE.gcd", type=click.Path())
@click.argument("text", metavar="[TEXT]", required=False)
@click.option("--file", "-f", "path", metavar="PATH", help="The text from a file; - is standard input.")
@click.option("--start", "-s", metavar="RULE", help="Start symbol. Default: the grammar's first.")
@click.option(
    "--token",
    "-t",
    "tokens",
    multiple=True,
    metavar="ID_OR_TEXT",
    help="Also explain this token, after the text; several times. Digits are an id, else it's the token's text.",
)
@_json_option
@click.pass_context
def explain_command(ctx: click.Context, /, **options: Any) -> None:
    """Explain where a text stops being viable, and what could stand there.

    Shown are the place with a caret, the terminals that were expected (with an example that fits and the line of the
    grammar that defines them), and how many tokens are allowed there. A text that is viable to its end is explained
    at its end. Exit status 1 if it isn't viable.

    \b
    gcd explain sql.gcd 'SELECT FROM t'
    gcd explain sql.gcd 'SELECT ' --token ' FROM'
    """
    from gcd.cli.explain import run

    ctx.exit(run(**options))


@main.command("generate")
@click.argument("model", metavar="MODEL")
@click.argument("grammar", metavar="GRAMMAR", type=click.Path())
@click.option("--prompt", "-p", multiple=True, metavar="TEXT", help="What to go on from; several times for several.")
@click.option(
    "--prompts",
    metavar="PATH",
    help='Prompts from a file, one on each line; of a .jsonl file the field "prompt"; - is standard input.',
)
@click.option("--chat", is_flag=True, help="Each prompt is a user's message in the model's chat template.")
@click.option("--system", metavar="TEXT", help="With --chat: the system message.")
@click.option("--heal", "healing", is_flag=True, help="Let a token go over the seam between prompt and output.")
@click.option("--start-after", metavar="TEXT", help="What comes before this text is free, such as a reasoning part.")
@click.option("--stop-at", metavar="TEXT", help="The sentence ends with this text, and what follows is free.")
@click.option("--max-new-tokens", default=256, show_default=True, type=click.IntRange(1))
@click.option("--finish", is_flag=True, help="Complete each text within --max-new-tokens: none is cut off.")
@click.option("-n", default=1, show_default=True, type=click.IntRange(1), help="Texts for each prompt.")
@click.option("--temperature", type=click.FloatRange(0, min_open=True), help="Sample. Default: the likeliest token.")
@click.option("--top-k", type=click.IntRange(1), help="Sample from the likeliest tokens only.")
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="Sample from this much probability only.")
@click.option("--seed", type=int, help="For samples that can be repeated.")
@click.option("--batch-size", default=8, show_default=True, type=click.IntRange(1), help="Prompts at a time.")
@click.option("--start", "-s", metavar="RULE", help="Start symbol. Default: the grammar's first.")
@click.option(
    "--dtype", default="auto", show_default=True, type=click.Choice(["auto", "float32", "float16", "bfloat16"])
)
@click.option("--device", metavar="NAME", help="Such as cpu or cuda:1. Default: cuda where there is one.")
@click.option("--lenient", multiple=True, type=click.Choice(_LENIENT), help="As for gcd compile.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object on a line for each text instead.")
@click.pass_context
def generate_command(ctx: click.Context, /, **options: Any) -> None:
    """Let a model write sentences of a grammar.

    MODEL is a folder or a name that transformers knows; GRAMMAR an artefact made for its tokenizer, or a grammar, which
    is compiled first. The text of a single prompt is shown while it is made. Exit status 1 if a text was cut off at
    --max-new-tokens before it was a sentence.

    \b
    gcd generate ./my-model sql.gcd --chat -p 'All users older than 30, as SQL'
    gcd generate ./my-model sql.gcd --prompts questions.txt --temperature 0.7 -n 4 --json > answers.jsonl
    """
    from gcd.cli.generate import run

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


@main.group("grammars", cls=_Group, invoke_without_command=True)
@click.pass_context
def grammars_group(ctx: click.Context) -> None:
    """List and show the grammars that come with gcd.

    Each can be given by its name to compile, generate and sample, where no file of that name is there.

    \b
    gcd grammars                       what there is
    gcd grammars show sql              the grammar, with its source, dialect and known gaps
    gcd compile sql -t ./my-model      makes sql.gcd
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(grammars_list_command, as_json=False)


@grammars_group.command("list")
@_json_option
def grammars_list_command(**options: Any) -> None:
    """List the grammars that come with gcd. That is also what gcd grammars does alone."""
    from gcd.cli.grammars import list_all

    list_all(**options)


@grammars_group.command("show")
@click.argument("name", metavar="NAME")
@_json_option
def grammars_show_command(**options: Any) -> None:
    """Print a grammar that comes with gcd."""
    from gcd.cli.grammars import show

    show(**options)


@main.command("completions")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completions_command(shell: str) -> None:
    """Print a script that lets a shell complete gcd's commands, options and files.

    \b
    bash   gcd completions bash > ~/.local/share/bash-completion/completions/gcd
    zsh    gcd completions zsh > "${fpath[1]}/_gcd"
    fish   gcd completions fish > ~/.config/fish/completions/gcd.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(main, {}, "gcd", "_GCD_COMPLETE").source())
