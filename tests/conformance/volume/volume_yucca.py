"""What the tests against yucca 1.1.7 share."""
import numpy
from yucca.functional.preprocessing import (
    preprocess_case_for_training_with_label,
    preprocess_case_for_training_without_label,
)

import volume_reference

# Our refusals of what holds nothing to preprocess.
REFUSALS = (
    "truncated", "2D image", "RGB voxels", "complex voxels", "no finite voxel", "constant image", "constant foreground",
)
ARGUMENTS = {
    "normalization_operation": ["volume_wise_znorm"],
    "target_orientation": "RAS",
    "target_spacing": numpy.array([1.0, 1.0, 1.0]),
    "intensities": None,
}


def reference(path):
    """What yucca makes of the first volume of a file; None where the axes are permuted, which it does not read."""
    try:
        images, _ = preprocess_case_for_training_without_label(images=[volume_reference.first_volume(path)], **ARGUMENTS)
        return images[0]
    except AssertionError as error:
        assert "unexpected NIFTI axes" in str(error)
        return None


def reference_label(image, label):
    """What yucca makes of a label map that goes along with an image."""
    return preprocess_case_for_training_with_label(
        images=[volume_reference.first_volume(image)], label=volume_reference.first_volume(label), **ARGUMENTS
    )[1]


def check_contract(path, dump):
    """The `amaes` contract of a file is yucca's, or where yucca refuses permuted axes, that of volume_reference."""
    ours = dump("contract", path)
    if ours.refused:
        assert any(word in ours.notes["error"] for word in REFUSALS), ours.notes
        return
    theirs = reference(path)
    if theirs is None:
        theirs = volume_reference.amaes(path)
    assert list(theirs.shape) == ours.notes["shape"]
    difference = float(numpy.abs(ours.voxels - theirs).max())
    print(f"max difference {difference:.2e}")
    assert difference < 1e-3
