"""SMILES of a class of molecules: eight are shown, another one is wanted.

The condition is SMILES with sane valences (partialsmiles); gcd gets `grammars/smiles.lark` besides, if it is there. The
score asks for more, which no condition says: that the molecule has the class's group, as written, and isn't one of
those shown.
"""

import re
from pathlib import Path
from typing import Any

from bench.engines import ROOT
from bench.samplers.domains import Example

SHOWN = 8
GRAMMAR = ROOT / "grammars" / "smiles.lark"
CLASSES: dict[str, tuple[str, str]] = {
    "alcohols": (
        r"^OC|CO$|C\(O\)|(?<!=O)\)O$",
        "CCO CC(C)O OCCO CCCO OC1CCCCC1 CC(O)CO OCc1ccccc1 CCC(O)C CCCCO OCCCO CC(C)CO OC(C)CC",
    ),
    "acrylates": (
        r"C=CC\(=O\)O[Cc]|C=C\(?C\)?C\(=O\)O[Cc]|[Cc1]OC\(=O\)C=C",
        "C=CC(=O)OC C=CC(=O)OCC C=CC(=O)OCCO C=CC(=O)OCCCC C=CC(=O)OC(C)C C=CC(=O)OCc1ccccc1 C=CC(=O)OCC(C)C "
        "C=CC(=O)OC1CCCCC1 COC(=O)C=C CCOC(=O)C=C C=CC(=O)OCCCO C=CC(=O)OCCN",
    ),
    "isocyanates": (
        r"O=C=N|N=C=O",
        "O=C=NCCCCCCN=C=O O=C=NC1CCCCC1 CCN=C=O O=C=Nc1ccccc1 CCCCN=C=O Cc1ccc(N=C=O)cc1 O=C=NCc1ccccc1 CC(C)N=C=O "
        "CN=C=O O=C=NCCN=C=O CCCN=C=O O=C=NC1CCC(N=C=O)CC1",
    ),
    "nitriles": (
        r"C#N|N#C",
        "CC#N CCC#N N#Cc1ccccc1 C=CC#N N#CCC#N CC(C)C#N N#CCCCCC#N CCCC#N N#CCO OCCC#N N#CC1CCCCC1 Cc1ccc(C#N)cc1",
    ),
    "carboxylic acids": (
        r"C\(=O\)O(\)|$)|C\(O\)=O|^OC\(=O\)",
        "CC(=O)O CCC(=O)O OC(=O)c1ccccc1 CC(C)C(=O)O OC(=O)CC(=O)O CCCC(=O)O OC(=O)C=C OCC(=O)O CC(O)C(=O)O "
        "OC(=O)CCC(=O)O NCC(=O)O ClCC(=O)O",
    ),
    "ketones": (
        r"[Cc1)]C\(=O\)[Cc]|^O=C1C|CC\(C\)=O",
        "CC(=O)C CCC(=O)C CCC(=O)CC CC(=O)c1ccccc1 O=C1CCCCC1 CC(=O)CC(=O)C CC(C)C(=O)C O=C1CCCC1 CC(=O)CCC "
        "CC(=O)C=C CC(=O)C1CC1 CCCC(=O)CC",
    ),
    "chlorides": (
        r"Cl",
        "CCl CCCl ClCCl Clc1ccccc1 CC(C)Cl ClCCCl C=CCl CC(Cl)C ClC(Cl)Cl CCCCCl ClCc1ccccc1 Cc1ccc(Cl)cc1",
    ),
    "amides": (
        r"C\(=O\)N|NC\(=O\)|NC\(C\)=O|NC=O|C\(N\)|N\(C\)C=O",
        "CC(=O)N CCC(=O)N CC(=O)NC NC(=O)c1ccccc1 CN(C)C=O NC=O CC(=O)Nc1ccccc1 CC(=O)N(C)C NC(=O)CC(=O)N "
        "CC(C)C(=O)N C=CC(=O)N O=C(N)CC",
    ),
}
"""Class -> what a SMILES of it has in it, as a regex, and some of them."""


def examples(n: int, data: Path) -> list[Example]:
    """Class by class, each with other molecules shown the second and the third time; `data` isn't needed."""
    import partialsmiles  # noqa: F401 # the package is missing: say so now

    names = list(CLASSES)
    return [example(names[i % len(names)], i // len(names)) for i in range(min(n, len(names) * 12))]


def example(name: str, turn: int) -> Example:
    """Another one of a class; each of twelve turns shows other ones."""
    from gcd.sampling.predicates import smiles

    group, text = CLASSES[name]
    known = text.split()
    shown = [known[(4 * turn + turn // 3 + i) % len(known)] for i in range(SHOWN)]
    valid = smiles()
    wanted = re.compile(group)

    def complete(answer: str) -> bool:
        return bool(valid.ask([answer], whole=True)[0])

    def grammar() -> Any:
        import gcd

        return gcd.Grammar.from_lark(GRAMMAR)

    return Example(
        domain="molecules",
        name=f"{name} {turn + 1}",
        prompt=f"Molecules of one class as SMILES, one on each line. Class: {name}.\n"
        + "".join(f"{s}\n" for s in shown),
        max_tokens=32,
        score=lambda answer: float(complete(answer) and answer not in shown and wanted.search(answer) is not None),
        complete=complete,
        condition=smiles,
        grammar=grammar,
        grammar_key="smiles",
    )
