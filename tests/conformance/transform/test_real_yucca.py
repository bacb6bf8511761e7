"""Every transform against yucca 1.1.7 at 128³, on a real head under AMAES_TEST_DATA."""
import os
import pathlib

import pytest

from transform_checks import SPATIAL, check_intensity, check_spatial
from transform_peer import centre, preprocessed


@pytest.fixture(scope="module")
def head():
    return preprocessed(pathlib.Path(os.environ["AMAES_TEST_DATA"]) / "train" / "colin27_T1w.nii.gz")


def test_intensity(transforms, head):
    check_intensity(transforms, centre(head, 128), clips=(True,))


@pytest.mark.parametrize("case", SPATIAL)
def test_spatial(transforms, head, case):
    check_spatial(transforms, centre(head, 181), (128, 128, 128), case)
