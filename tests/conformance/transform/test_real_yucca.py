"""Every transform against yucca 1.1.7 at 128³, on a real head under AMAES_TEST_DATA."""
import os
import pathlib

import nibabel
import numpy
import pytest
from yucca.functional.preprocessing import preprocess_case_for_training_without_label

from transform_checks import SPATIAL, check_intensity, check_spatial


@pytest.fixture(scope="module")
def head():
    path = pathlib.Path(os.environ["AMAES_TEST_DATA"]) / "train" / "colin27_T1w.nii.gz"
    images, _ = preprocess_case_for_training_without_label(
        images=[nibabel.load(path)], normalization_operation=["volume_wise_znorm"], target_orientation="RAS",
        target_spacing=numpy.array([1.0, 1.0, 1.0]), intensities=None)
    return numpy.asarray(images[0], numpy.float32)


def centre(array, size):
    """Of each axis the middle `size` voxels; padded with the minimum where there are fewer."""
    for axis in range(3):
        missing = max(0, size - array.shape[axis])
        pad = [(missing // 2, missing - missing // 2) if a == axis else (0, 0) for a in range(3)]
        array = numpy.pad(array, pad, constant_values=array.min())
        begin = (array.shape[axis] - size) // 2
        array = numpy.take(array, range(begin, begin + size), axis)
    return array


def test_intensity(transforms, head):
    check_intensity(transforms, centre(head, 128))


@pytest.mark.parametrize("case", SPATIAL)
def test_spatial(transforms, head, case):
    check_spatial(transforms, centre(head, 181), (128, 128, 128), case)
