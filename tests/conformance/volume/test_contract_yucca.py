"""The `amaes` contract on the awkward volumes under AMAES_TEST_DATA, label maps among them."""
import pytest

from volume_scans import scan_id, scans
from volume_yucca import check_contract


@pytest.mark.parametrize("path", scans("awkward"), ids=scan_id)
def test_contract_is_the_references(path, dump):
    check_contract(path, dump)
