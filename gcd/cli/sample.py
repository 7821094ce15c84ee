"""``gcd sample``."""

from __future__ import annotations

import inspect
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gcd.cli.grammar_file import file_of
from gcd.compiled_grammar import CompiledGrammar, load
from gcd.sampling.methods import method

__all__ = ["run"]

_SHOWN = 10
"""Texts in the table."""


def run(
    *,
    grammar: str,
    model: str,
    prompt: str,
    prompt_file: str | None,
    n: int,
    method_name: str,
    max_tokens: int,
    seed: int,
    temperature: float,
    option: tuple[str, ...],
    start: str | None,
    output: str | None,
    plot: str | None,
    as_json: bool,
) -> None:
    """Sample, write the samples, and say what they are worth."""
    from gcd.sampling import GrammarConstraint, SamplingWarning, Warped
    from gcd.sampling import sample as draw

    options = _options(method_name, option)
    text = Path(prompt_file).read_text(encoding="utf-8") if prompt_file else prompt
    compiled, law = _model(grammar, model)
    if temperature != 1.0:
        law = Warped(law, temperature=temperature)
    try:
        constraint = GrammarConstraint(compiled, start)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--start") from error
    with _progress() as tell, warnings.catch_warnings():
        warnings.simplefilter("ignore", SamplingWarning)  # they are shown below
        try:
            found = draw(
                law,
                constraint,
                text,
                n,
                method=method_name,
                max_tokens=max_tokens,
                seed=seed,
                progress=tell,
                **options,
            )
        except (TypeError, ValueError) as error:
            raise click.BadParameter(str(error), param_hint="--option") from error
    lines = [json.dumps(_record(s, w)) for s, w in zip(found, found.weights, strict=True)]
    if output:
        Path(output).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    if plot:
        from gcd.sampling.plot import to_svg

        Path(plot).write_text(to_svg(found), encoding="utf-8")
    if as_json:
        for line in lines:
            click.echo(line)
    else:
        _show(found)
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)


def _record(sample: Any, weight: float) -> dict[str, Any]:
    """A sample for JSON, which has no infinity."""
    return {
        "text": sample.text,
        "ids": list(sample.ids),
        "finish": sample.finish,
        "weight": weight,
        "log_weight": _finite(sample.log_weight),
        "log_p": _finite(sample.log_p),
        "log_q": None if sample.log_q is None else _finite(sample.log_q),
        "n_checks": sample.n_checks,
        "n_masks": sample.n_masks,
        "n_model_calls": sample.n_model_calls,
    }


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None


def _show(found: Any) -> None:
    """The likeliest texts, and a summary."""
    law = found.posterior()
    for text, p in list(law.items())[:_SHOWN]:
        click.echo(f"  {p:6.1%}  {json.dumps(text, ensure_ascii=False)}")
    if len(law) > _SHOWN:
        click.echo(f"          … and {len(law) - _SHOWN} more")
    finished = sum(s.finished for s in found)
    click.echo(f"  law         {found.law}")
    z = "" if found.log_z is None else f"; log P(constraint) about {found.log_z:.3g}"
    click.echo(f"  samples     {len(found)}, {finished} finished, {len(law)} different; ESS {found.ess:.1f}{z}")
    rest = found.seconds - found.model_seconds
    click.echo(
        f"  cost        {found.n_model_calls:,} model calls, {found.n_checks:,} checks, {found.n_masks:,} masks; "
        f"{found.seconds:.2f} s, {rest:.2f} of them outside of the model"
    )
    numbers = {k: v for k, v in found.extra.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    if numbers:
        click.echo("  measured    " + ", ".join(f"{k.replace('_', ' ')} {v:.3g}" for k, v in numbers.items()))


def _model(grammar: str, name: str) -> tuple[CompiledGrammar, Any]:
    """The compiled grammar and the model; whichever has the vocabulary comes first."""
    is_text = not grammar.endswith(".gcd")
    kind, _, corpus = name.partition(":")
    if kind == "ngram":
        from gcd.sampling import NGramModel

        if is_text:
            raise click.BadParameter(
                "an n-gram model takes its vocabulary from a compiled grammar: give a .gcd file", param_hint="--model"
            )
        compiled = load(grammar)
        texts = Path(corpus).read_text(encoding="utf-8").splitlines()
        return compiled, NGramModel.from_texts(texts, compiled.vocab, order=4)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from gcd.sampling.hf_model import HFModel

    law = HFModel(AutoModelForCausalLM.from_pretrained(name).eval(), AutoTokenizer.from_pretrained(name))
    if not is_text:
        return load(grammar, law.vocab), law
    from gcd.compiler import compile as compile_grammar
    from gcd.grammar.ir import Grammar

    return compile_grammar(Grammar.from_lark(Path(file_of(grammar))), law.vocab), law


def _options(name: str, texts: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE as the method's keyword arguments; a value is JSON, or else text."""
    known = [p.name for p in inspect.signature(method(name)).parameters.values() if p.kind is p.KEYWORD_ONLY]
    options: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or key not in known:
            raise click.BadParameter(
                f"method {name!r} has no option {key!r}; it has {', '.join(known)}", param_hint="--option"
            )
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total, _unit: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sample", total=None)
        yield lambda done, total, unit: bar.update(task, completed=done, total=total, description=unit)
