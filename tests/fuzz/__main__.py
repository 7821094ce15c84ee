"""Fuzzing with a budget: ``make fuzz``, or ``python -m fuzz --seconds 600`` with ``tests`` on the path.

Every target runs in a process of its own, which says each seed before it uses it. A process that dies (a sanitizer's
report among the reasons) or says nothing for long is a finding with its seed; so is an exception that isn't gcd's. The
run goes on behind the finding, and ends with a table, and with 1 if there were findings. ``--once TARGET SEED`` repeats
one in this process.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from cpu_time import SLOWER

SECONDS = 30.0 * SLOWER
"""For one input."""
PREPARING = 120.0 * SLOWER
MEMORY = 4 << 30
"""Address space of a process, where no sanitizer needs more."""


def main() -> int:
    """The program."""
    from fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be given several times")
    parser.add_argument("--seconds", type=float, default=600, help="in all (default 600)")
    parser.add_argument("--seed", type=int, default=0, help="the first one of each target (default 0)")
    parser.add_argument("--once", nargs=2, metavar=("TARGET", "SEED"), help="one input, in this process")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        with tempfile.TemporaryDirectory() as folder:
            print(run_one(TARGETS[options.once[0]], int(options.once[1]), Path(folder)))
        return 0
    if options.child:
        return child(options.child[0], int(options.child[1]), options.seconds)
    names = options.target or list(TARGETS)
    findings: list[str] = []
    for name in names:
        findings += watch(name, options.seed, options.seconds / len(names))
    alike = Counter(finding.strip().splitlines()[-1] for finding in findings)
    for finding in findings:
        last = finding.strip().splitlines()[-1]
        if alike[last]:
            print(finding + (f"\n({alike[last]} like this one)" if alike[last] > 1 else ""))
        alike[last] = 0
    return bool(findings)


def run_one(target: object, seed: int, folder: Path, state: object = None) -> str:
    """What came of one input."""
    import gcd

    state = target.prepare(folder) if state is None else state
    try:
        return target.run(state, random.Random(seed), folder)
    except gcd.GcdError as error:
        return type(error).__name__


def child(name: str, seed: int, seconds: float) -> int:
    """Inputs from `seed` on until the time is up."""
    import resource

    from fuzz.targets import TARGETS

    if "libasan" not in Path("/proc/self/maps").read_text() and "libtsan" not in Path("/proc/self/maps").read_text():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        os.environ["GCD_CACHE"] = str(folder / "cache")
        state = TARGETS[name].prepare(folder) or ()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            print("seed", seed, flush=True)
            try:
                outcome = run_one(TARGETS[name], seed, folder, state)
            except Exception:
                said = traceback.format_exc(limit=-4).replace("\n", "\\n")
                print("finding", said, flush=True)
            else:
                print("outcome", outcome, flush=True)
            seed += 1
    return 0


def watch(name: str, seed: int, seconds: float) -> list[str]:
    """Run a target in other processes; its findings."""
    findings: list[str] = []
    outcomes: Counter[str] = Counter()
    began = time.monotonic()
    while (left := seconds - (time.monotonic() - began)) > 0:
        command = [sys.executable, "-P", "-m", "fuzz", "--child", name, str(seed), "--seconds", str(left)]
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
            silent = listen(process, outcomes, findings, name)
            seed = silent.seed + 1
            if silent.hangs:
                process.kill()
                process.wait()
                findings.append(f"{name} {silent.seed}: nothing came of it in {SECONDS:.0f} seconds")
            elif process.wait():
                errors.seek(0)
                said = errors.read().strip()[-3000:]
                findings.append(f"{name} {silent.seed}: the process died ({process.returncode})\n{said}")
                if silent.seed < 0:  # before the first input: it would only die again
                    break
    total = sum(outcomes.values())
    shown = ", ".join(f"{n:,} {outcome}" for outcome, n in outcomes.most_common())
    print(f"{name:<16}{total:>9,} inputs in {time.monotonic() - began:.0f} s: {shown}", flush=True)
    return findings


class Silence:
    """Where a process stopped talking: at which seed, and whether it still runs."""

    def __init__(self) -> None:
        self.seed = -1
        self.hangs = False


def listen(process: subprocess.Popen[bytes], outcomes: Counter[str], findings: list[str], name: str) -> Silence:
    """Read what a process says until it ends or says nothing for too long."""
    silence = Silence()
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(PREPARING if silence.seed < 0 else SECONDS):
                silence.hangs = True
                return silence
            data = os.read(pipe, 1 << 16)
            if not data:
                return silence
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                kind, _, text = line.decode("utf-8", "replace").partition(" ")
                if kind == "seed":
                    silence.seed = int(text)
                elif kind == "outcome":
                    outcomes[re.split(r"[,\d]", text)[0].strip() or "fine"] += 1
                elif kind == "finding":
                    outcomes["findings"] += 1
                    findings.append(f"{name} {silence.seed}:\n" + text.replace("\\n", "\n"))


if __name__ == "__main__":
    sys.exit(main())
