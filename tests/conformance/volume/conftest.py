"""One run of volume_dump into a test's own folder."""
import pytest

from volume_scans import Dump


@pytest.fixture
def dump(tmp_path):
    def run(mode, source, *arguments, name="out"):
        return Dump(mode, source, tmp_path / name, *arguments)

    return run
