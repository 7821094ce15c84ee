"""One way through: a stage may import earlier stages, never a later one, and each library has its place."""

import ast
from pathlib import Path

import pytest

import gcd

ROOT = Path(gcd.__file__).parent

# stage -> the stages whose names it may import, at any depth of its code
STAGES = {
    "errors": set(),
    "limits": {"errors"},
    "vocab": {"errors", "limits"},
    "regex": {"errors", "limits"},
    "grammar": {"errors", "limits", "regex", "json_schema"},
    "json_schema": {"errors", "limits", "regex"},
    "sql": {
        *("errors", "limits", "grammar", "compiled_grammar", "compiler", "lazy_exports", "processor", "sampling"),
        "vocab",
    },
    "bitmask": {"_native"},
    "healing": {"errors", "compiled_grammar", "vocab", "_native"},
    "prefix": {"errors", "bitmask", "compiled_grammar", "healing", "vocab", "_native"},
    "processor": {"errors", "compiled_grammar", "compiler", "healing", "json_schema", "prefix", "vocab"},
    "generate_json": {"errors", "json_schema", "processor"},
    "hosts": {
        *("_native", "bitmask", "compiled_grammar", "compiler", "errors", "grammar", "limits", "prefix", "processor"),
        "vocab",
    },
    "sampling": {"_native", "bitmask", "compiled_grammar", "errors", "vocab"},
    "cli": {
        *("__version__", "_native", "artifact", "compiled_grammar", "compiler", "errors", "grammar", "limits", "vocab"),
        *("explain", "grammar_info", "healing", "processor", "regex", "sampling", "sql"),
    },
}

# library -> the stages that may import it
LIBRARIES = {
    "lark": {"grammar"},
    "interegular": {"grammar"},
    "tokenizers": {"vocab"},
    "referencing": {"json_schema"},
    "jsonschema_specifications": {"json_schema"},
    "sqlalchemy": {"sql"},
    "sqlglot": {"sql"},
    "pydantic": {"json_schema", "generate_json"},
    "transformers": {"vocab", "processor", "hosts", "sampling", "cli"},
    "torch": {"bitmask", "hosts", "sampling", "cli"},
}


def imported(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, those inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files(stage: str) -> list[Path]:
    found = [*ROOT.glob(f"{stage}.py"), *ROOT.glob(f"{stage}/**/*.py")]
    assert found, f"no such stage: {stage}"
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_stage_imports_only_earlier_ones(stage):
    for path in files(stage):
        parts = [name.split(".") for name in imported(path)]
        later = {p[1] for p in parts if p[0] == "gcd" and len(p) > 1} - STAGES[stage] - {stage}
        assert not later, f"{path.relative_to(ROOT)} imports {later}"


@pytest.mark.parametrize("stage", STAGES)
def test_libraries_have_their_place(stage):
    for path in files(stage):
        libraries = {name.split(".")[0] for name in imported(path)}
        misplaced = {name for name in libraries if name in LIBRARIES and stage not in LIBRARIES[name]}
        assert not misplaced, f"{path.relative_to(ROOT)} imports {misplaced}"


def test_only_the_hf_model_needs_torch():
    """Toy models, predicates and all methods work where neither torch nor transformers is installed."""
    needed = {
        path.name for path in files("sampling") if {"torch", "transformers"} & {n.split(".")[0] for n in imported(path)}
    }
    assert needed <= {"hf_model.py", "generate.py", "grammar_aligned_processor.py"}
