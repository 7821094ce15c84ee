"""``gcd inspect``."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import click

from gcd.artifact import Artifact
from gcd.cli.show import Facts, size
from gcd.compiled_grammar import load

__all__ = ["run"]


def run(*, file: str, verify: bool, terminals: bool, as_json: bool) -> None:
    """Open an artefact and show what it holds."""
    began = time.perf_counter()
    compiled = load(file)
    seconds = time.perf_counter() - began
    artifact = Artifact.open(file)
    if verify:
        for name in artifact.sizes:
            artifact.section(name)
        compiled.matcher()
    facts = Facts.of(compiled)  # reads the vocabulary, and compares it with the header's fingerprint
    n_bytes = Path(file).stat().st_size
    facts.add(
        "artefact",
        file=file,
        bytes=n_bytes,
        format_version=artifact.version,
        gcd_version=artifact.json("meta").get("gcd"),
        sections=artifact.sizes,
        load_seconds=round(seconds, 4),
        verified=verify,
    )
    if terminals:
        facts.add("terminals", listed=[asdict(t) for t in compiled.info.terminals])
    if as_json:
        click.echo(json.dumps(facts.data))
        return
    click.echo(f"{file} ({size(n_bytes)}, loaded in {seconds * 1e3:.1f} ms)")
    facts.show()
