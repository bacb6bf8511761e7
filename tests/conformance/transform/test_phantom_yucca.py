"""Every transform against yucca 1.1.7, on a phantom: sides that differ, odd ones among them."""
import numpy
import pytest

from transform_checks import SPATIAL, check_intensity, check_labels, check_spatial


@pytest.mark.parametrize("shape", [(96, 75, 64), (33, 128, 40)])
def test_intensity(transforms, shape):
    check_intensity(transforms, transforms.phantom(shape))


def test_intensity_of_negative_values(transforms):
    check_intensity(transforms, transforms.phantom((60, 50, 40)) * 3 - 1)


@pytest.mark.parametrize("case", SPATIAL)
@pytest.mark.parametrize("crop, patch", [((91, 70, 80), (64, 48, 56)), ((40, 41, 42), (40, 41, 42)), ((21, 60, 50), (32, 33, 50))])
def test_spatial(transforms, crop, patch, case):
    check_spatial(transforms, transforms.phantom(crop), patch, case)


@pytest.mark.parametrize("case", ["nothing", "scale, in", "scale, out", "rotation about x", "rotation", "rotation and scale"])
def test_labels(transforms, case):
    labels = numpy.floor(transforms.phantom((50, 51, 48)) * 6.99).astype(numpy.float32)
    check_labels(transforms, labels, (50, 51, 48), case)
    check_labels(transforms, labels, (32, 40, 31), case)
