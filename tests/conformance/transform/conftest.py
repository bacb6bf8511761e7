import pytest

from transform_peer import Transforms


@pytest.fixture
def transforms(tmp_path):
    server = Transforms(tmp_path)
    yield server
    server.close()
