"""What the tests and examples of a Lark source tree ask of Lark, written down.

    python lark_recorder.py FOLDER OUT

Runs them in FOLDER with that tree's Lark. OUT gets one JSON object a line for each grammar that they make: its text or
path, the options, whether Lark loaded it, and the texts that it parsed, each with the name of the exception if it was
refused. Run by test_engine_larks_own.py; not part of any process that imports gcd.
"""

import contextlib
import importlib
import io
import json
import os
import runpy
import sys
import unittest
import warnings
from pathlib import Path

OPTIONS = {
    *("parser", "lexer", "start", "g_regex_flags", "regex", "import_paths", "use_bytes", "strict", "edit_terminals"),
    *("lexer_callbacks", "postlex", "priority"),
}


def plain(value):
    """As JSON; objects by the name of their class."""
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "NL_type"):  # an indenter: what it declares
        names = ("NL_type", "OPEN_PAREN_types", "CLOSE_PAREN_types", "INDENT_type", "DEDENT_type", "tab_len")
        return {name: getattr(value, name) for name in names}
    return f"<{(value if isinstance(value, type) else type(value)).__name__}>"


def record(lark_class, records):
    """Let a class write down each instance and each text that it parses."""
    original_init, original_parse = lark_class.__init__, lark_class.parse

    def init(self, grammar, **options):
        entry = {"options": {k: plain(v) for k, v in options.items() if k in OPTIONS and v}, "texts": []}
        entry["path"] = None if isinstance(grammar, str) else getattr(grammar, "name", None)
        if not isinstance(grammar, str):
            name, grammar = grammar.name, grammar.read()
            options.setdefault("source_path", name)
        entry["grammar"] = grammar
        records.append(entry)
        try:
            original_init(self, grammar, **options)
        except BaseException as error:
            entry["loaded"] = False
            entry["why"] = f"{type(error).__name__}: {error}"
            raise
        chosen = self.options
        entry |= {"loaded": True, "parser": chosen.parser, "lexer": plain(chosen.lexer), "starts": list(chosen.start)}
        self.recorded = entry

    def parse(self, text, *args, **options):
        verdict = "interrupted"
        try:
            result = original_parse(self, text, *args, **options)
            verdict = None
            return result
        except BaseException as error:
            verdict = type(error).__name__
            raise
        finally:
            start = args[0] if args else options.get("start")
            if isinstance(text, str) and len(args) < 2 and "on_error" not in options and hasattr(self, "recorded"):
                self.recorded["texts"].append([text, start, verdict])

    lark_class.__init__, lark_class.parse = init, parse


def main(folder, out):
    """Run everything, quietly."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    warnings.simplefilter("ignore")
    lark = importlib.import_module("lark")
    assert Path(lark.__file__).is_relative_to(folder), lark.__file__
    records = []
    record(lark.Lark, records)
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        tests = unittest.defaultTestLoader.discover("tests", top_level_dir=str(folder))
        unittest.TextTestRunner(stream=quiet).run(tests)
        for example in sorted(Path("examples").rglob("*.py")):
            sys.path.insert(0, str(example.parent))
            # They lack arguments, files, an editor ...: what they made before that is what counts.
            with contextlib.suppress(Exception, SystemExit):
                runpy.run_path(str(example), run_name="example")
            sys.path.pop(0)
    with out.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in records)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
