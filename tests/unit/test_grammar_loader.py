"""Imports: Lark's own, and nothing outside of the folders that they may reach."""

import os

import pytest
from lark import Lark
from lark.load_grammar import FromPackageLoader

from gcd import Limits
from gcd.errors import GrammarError, LimitError
from gcd.grammar.load import from_lark


@pytest.fixture
def tree(tmp_path):
    """Grammars inside and outside of a project.

    ::

        secret.lark             outside of everything
        project/main.lark       imports .part, .sub.deep
        project/part.lark
        project/sub/deep.lark   imports .deeper
        project/sub/deeper.lark
        library/lib.lark        imports .libpart
        library/libpart.lark
    """
    files = {
        "secret.lark": 'A: "secret"\n',
        "project/main.lark": "%import .part.A\n%import .sub.deep (B, b) \nstart: A B b\n",
        "project/part.lark": 'A: "part"\n',
        "project/sub/deep.lark": '%import .deeper.C -> D\nB: "deep"\nb: D "b"\n',
        "project/sub/deeper.lark": 'C: "deeper"\n',
        "library/lib.lark": '%import .libpart.E\nL: "lib"\nl: E L\n',
        "library/libpart.lark": 'E: "libpart"\n',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return tmp_path


def patterns(grammar):
    return {t.name: t.pattern for t in grammar.terminals}


def test_relative_imports_of_a_file(tree):
    grammar = from_lark(tree / "project/main.lark")
    assert set(patterns(grammar).values()) == {"part", "deep", "deeper", "b"}
    lark = Lark.open(str(tree / "project/main.lark"), parser="lalr")
    assert {t.name for t in lark.terminals} == set(patterns(grammar))
    spans = {t.pattern: (t.span.source, t.span.line) for t in grammar.terminals}
    assert spans["part"] == ("part", 1)
    assert spans["deeper"] == ("deeper", 1)


def test_a_string_that_ends_in_lark_is_a_path(tree):
    assert from_lark(str(tree / "project/main.lark")) == from_lark(tree / "project/main.lark")


def test_import_paths(tree):
    text = "%import lib (L, l)\nstart: L l"
    assert set(patterns(from_lark(text, import_paths=[tree / "library"])).values()) == {"lib", "libpart"}
    assert set(patterns(from_lark(text, import_paths=[str(tree / "library")])).values()) == {"lib", "libpart"}
    with pytest.raises(GrammarError, match="no grammar 'lib' to import"):
        from_lark(text)
    # As in Lark, the paths come before the grammar's own folder and before Lark's library.
    (tree / "library/part.lark").write_text('A: "other"')
    (tree / "library/common.lark").write_text('WS: "ws"')
    assert "other" in patterns(from_lark(tree / "project/main.lark", import_paths=[tree / "library"])).values()
    mine = from_lark("%import common.WS\nstart: WS", import_paths=[tree / "library"])
    assert patterns(mine) == {"WS": "ws"}


def test_loader_functions(tree):
    def loader(base, path):
        if path != "made.lark":
            raise FileNotFoundError(path)
        return "made.lark", 'M: "made"'

    assert patterns(from_lark("%import made.M\nstart: M", import_paths=[loader])) == {"M": "made"}
    with pytest.raises(GrammarError, match="no grammar 'other'"):
        from_lark("%import other.M\nstart: M", import_paths=[loader])
    package = FromPackageLoader("lark", ["grammars"])
    assert "DIGIT" in patterns(from_lark("%import common.DIGIT\nstart: DIGIT", import_paths=[package]))


def test_lark_s_library():
    grammar = from_lark("%import common (INT, WS)\n%import unicode.WS_INLINE\nstart: INT WS_INLINE\n%ignore WS")
    assert set(patterns(grammar)) == {"INT", "WS_INLINE", "WS"}
    assert from_lark("%import python (file_input)\nstart: file_input").productions


def test_text_has_no_folder(tree, monkeypatch):
    # Lark would look in the folder of the main script, and in the current directory.
    monkeypatch.chdir(tree / "project")
    text = "%import .part.A\nstart: A"
    with pytest.raises(GrammarError, match="no grammar 'part'") as caught:
        from_lark(text)
    assert (caught.value.line, caught.value.column) == (1, 10)
    assert "import_paths" in caught.value.remedy
    assert patterns(from_lark(text, import_paths=["."])) == {"A": "part"}


def test_relative_import_does_not_reach_lark_s_library():
    with pytest.raises(GrammarError, match="no grammar 'common'"):
        from_lark("%import .common.WS\nstart: WS")


def test_no_path_leads_upwards(tree):
    for name in ("..secret.A", "...secret.A", "/etc/passwd", "~.A", '"x".A'):
        with pytest.raises(GrammarError):
            from_lark(f"%import {name}\nstart: A", import_paths=[tree / "project"])
    # A file in a subfolder can't reach its parent's files, either.
    (tree / "project/sub/up.lark").write_text("%import .part.A\nstart: A")
    with pytest.raises(GrammarError, match="no grammar 'part'"):
        from_lark(tree / "project/sub/up.lark")


def test_links_out_are_refused(tree):
    (tree / "project/link.lark").symlink_to(tree / "secret.lark")
    (tree / "project/up").symlink_to(tree)
    main = tree / "project/linked.lark"
    for name in ("link", "up.secret"):
        main.write_text(f"%import .{name}.A\nstart: A")
        with pytest.raises(GrammarError, match="through a link out of the folders"):
            from_lark(main)
        with pytest.raises(GrammarError, match="through a link out of the folders"):
            from_lark(f"%import {name}.A\nstart: A", import_paths=[tree / "project"])
    # Links within, and links to another import path, are fine.
    (tree / "project/inside.lark").symlink_to(tree / "project/part.lark")
    main.write_text("%import .inside.A\nstart: A")
    assert patterns(from_lark(main)) == {"A": "part"}
    main.write_text("%import .link.A\nstart: A")
    assert patterns(from_lark(main, import_paths=[tree])) == {"A": "secret"}


def test_a_grammar_given_as_a_link_imports_beside_the_link(tree):
    (tree / "library/main.lark").symlink_to(tree / "project/main.lark")
    with pytest.raises(GrammarError, match="no grammar 'part'"):
        from_lark(tree / "library/main.lark")


@pytest.mark.parametrize("name", ["main", "part"])
def test_grammars_that_import_each_other(tree, name):
    (tree / "project/part.lark").write_text(f'%import .{name}.A -> A2\nA: "x"')
    with pytest.raises(GrammarError, match=r"nested deeper|import each other|defined already"):
        from_lark(tree / "project/main.lark")


def test_imports_that_multiply_are_counted(tree):
    for i in range(12):
        (tree / f"project/m{i}.lark").write_text(
            f'%import .m{i + 1}.A -> B\n%import .n{i + 1}.A -> C\nA: "x"\n' if i < 11 else 'A: "x"'
        )
        (tree / f"project/n{i}.lark").write_text((tree / f"project/m{i}.lark").read_text())
    (tree / "project/main.lark").write_text("%import .m0.A\nstart: A")
    with pytest.raises(GrammarError, match="more than 500 imports"):
        from_lark(tree / "project/main.lark")


def test_bytes_of_imports_are_counted(tree):
    (tree / "project/part.lark").write_text('A: "part"\n' + "// x\n" * 1000)
    from_lark(tree / "project/main.lark", limits=Limits(max_grammar_bytes=6000))
    with pytest.raises(LimitError, match="max_grammar_bytes"):
        from_lark(tree / "project/main.lark", limits=Limits(max_grammar_bytes=3000))


def test_terminals_that_multiply_across_imports(tree):
    doubling = "\n".join(f"A{i}: A{i - 1} A{i - 1}" for i in range(1, 16))
    (tree / "project/part.lark").write_text(f'A0: "x"\n{doubling}\n')
    (tree / "project/main.lark").write_text(f"%import .part.A15 -> A0\n{doubling}\nstart: A15")
    with pytest.raises(LimitError, match="max_productions"):
        from_lark(tree / "project/main.lark")


def test_errors_in_imports_name_the_import(tree):
    (tree / "project/part.lark").write_text('A: "part"\nB: )\n')
    with pytest.raises(GrammarError) as caught:
        from_lark(tree / "project/main.lark")
    assert (caught.value.name, caught.value.line, caught.value.column) == ("part", 2, 4)
    assert "B: )" in caught.value.snippet


def test_what_is_no_grammar_file(tree):
    fifo = tree / "project/fifo.lark"
    os.mkfifo(fifo)
    for path in (tree / "project", fifo):
        with pytest.raises(GrammarError, match=r"can't be read|no regular file"):
            from_lark(path)
    (tree / "project/bytes.lark").write_bytes(b'start: "\xff"')
    with pytest.raises(GrammarError, match="not UTF-8"):
        from_lark(tree / "project/bytes.lark")
    (tree / "project/main.lark").write_text("%import .fifo.A\nstart: A")
    with pytest.raises(GrammarError, match="no grammar 'fifo'"):
        from_lark(tree / "project/main.lark")


def test_imported_and_defined(tree):
    with pytest.raises(GrammarError, match="defined"):
        from_lark('%import common.WS\nWS: " "\nstart: WS')
    text = '%import common.WS\n%override WS: " "\nstart: WS'
    assert patterns(from_lark(text)) == {"WS": r"\ "}
    assert from_lark(text).terminals[0].span.line == 2
