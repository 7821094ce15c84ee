"""Build of the native part; all that is not native is in pyproject.toml.

Every ``csrc/*.cpp`` is compiled once; every ``gcd/_native/*.pyx`` becomes an extension module that
links all of these objects. What is up to date is left alone: each object has the compiler's own list of
the headers that it read (``-MMD``), so a changed header rebuilds exactly what includes it. The grammars
in ``grammars/`` become part of the package.

Switches, from the environment (each combination has its own folder under ``build/``):

* ``GCD_DEBUG=1``: ``-O0 -g``, assertions of the core and of libstdc++, Cython's bounds checks;
* ``GCD_SANITIZE=address,undefined`` (or ``thread``): the sanitizers to compile in;
* ``GCD_JOBS=n``: compile jobs at once (default: one for each core).
"""

import fcntl
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent.resolve()
DEBUG = os.environ.get("GCD_DEBUG", "0") not in ("", "0")
SANITIZE = os.environ.get("GCD_SANITIZE", "")
JOBS = int(os.environ.get("GCD_JOBS", "0")) or os.cpu_count() or 1
MODE = "-".join(filter(None, ["debug" if DEBUG else "release", SANITIZE.replace(",", "-")]))
BUILD = Path("build") / MODE

COMPILE = ["-std=c++17", "-fPIC", "-fno-plt", "-fvisibility=hidden", "-pthread"]
COMPILE += ["-ffp-contract=off"]  # sums are the same to the bit on machines with and without fused multiply-add
LINK = ["-pthread", "-Wl,--gc-sections"]
WARN = ["-Wall", "-Wextra"]
if DEBUG:
    COMPILE += ["-O0", "-g", "-UNDEBUG", "-D_GLIBCXX_ASSERTIONS", "-DGCD_DEBUG=1"]
else:
    COMPILE += ["-O3", "-g0", "-DNDEBUG", "-ffunction-sections", "-fdata-sections"]
if SANITIZE:
    COMPILE += [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer", "-g1"]
    COMPILE += ["-fno-sanitize-recover=undefined"] if "undefined" in SANITIZE else []
    LINK += [f"-fsanitize={SANITIZE}"]

DIRECTIVES = {
    "language_level": 3,
    "embedsignature": False,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": True,
}


class BuildExt(build_ext):
    """``build_ext`` that compiles csrc/ once, in parallel, and only what has changed."""

    def build_extensions(self):
        """Compile csrc/, then the extensions, which depend on its objects."""
        stamp = Path("build") / "inplace-mode"
        if self.inplace:  # the .so beside the sources may be of another mode
            self.force = self.force or not stamp.exists() or stamp.read_text() != MODE
        self.build_temp = str(BUILD / "obj")
        compile_one = self.compiler._compile

        def compile_if_stale(obj, src, ext, cc_args, extra, pp_opts):
            deps = Path(obj).with_suffix(".d")
            if stale(Path(obj), deps):
                compile_one(obj, src, ext, cc_args, [*extra, "-MMD", "-MF", str(deps)], pp_opts)

        self.compiler._compile = compile_if_stale
        sources = sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("csrc/*.cpp"))

        def compile_source(source):
            flags = {"include_dirs": ["csrc"], "extra_postargs": COMPILE + WARN}
            return self.compiler.compile([source], output_dir=self.build_temp, **flags)

        with ThreadPoolExecutor(JOBS) as pool:
            objects = sorted(o for out in pool.map(compile_source, sources) for o in out)
        for ext in self.extensions:
            ext.extra_objects = objects
            ext.depends = objects + [str(p) for p in ROOT.glob("csrc/*.hpp")]
        self.parallel = self.parallel or JOBS
        super().build_extensions()
        if self.inplace:
            stamp.write_text(MODE)


class BuildPy(build_py):
    """``build_py`` that also puts the grammars into the package; in a source tree they are found beside it."""

    def run(self):
        """Copy the modules, then the grammars."""
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib) / "gcd" / "grammars"
            folder.mkdir(parents=True, exist_ok=True)
            for path in ROOT.glob("grammars/*.lark"):
                shutil.copy(path, folder)


def stale(obj, deps):
    """Whether ``obj`` is older than a file that it was made from, or that can't be told."""
    if not (obj.exists() and deps.exists()):
        return True
    made = obj.stat().st_mtime
    names = deps.read_text().partition(":")[2].replace("\\\n", " ").split()
    return not all(Path(name).exists() and Path(name).stat().st_mtime <= made for name in names)


def extensions():
    """One extension for each .pyx; none is fine (a source tree without the native part)."""
    names = sorted(p.relative_to(ROOT) for p in ROOT.glob("gcd/_native/*.pyx"))
    modules = [
        Extension(
            ".".join(path.with_suffix("").parts),
            [str(path)],
            language="c++",
            include_dirs=["csrc"],
            # Cython's output is not ours to keep free of warnings
            extra_compile_args=[*COMPILE, "-Wall", "-Wno-unused-function"],
            extra_link_args=LINK,
        )
        for path in names
    ]
    return cythonize(modules, build_dir=str(BUILD / "cython"), compiler_directives=DIRECTIVES)


os.chdir(ROOT)
BUILD.mkdir(parents=True, exist_ok=True)
lock = Path("build/lock").open("w")  # noqa: SIM115 - held until this process ends
fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once would write the same objects
setup(ext_modules=extensions(), cmdclass={"build_ext": BuildExt, "build_py": BuildPy})
