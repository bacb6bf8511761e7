"""The `amaes` contract against the reference's own preprocessing (yucca 1.1.7), on every training scan under
AMAES_TEST_DATA that it accepts; resampling against scikit-image 0.24, which it rests on.
"""
import nibabel
import numpy
import pytest
import skimage.transform
from yucca.functional.preprocessing import preprocess_case_for_training_without_label

from volume_scans import data_folder, scan_id, scans

# Scans that the reference refuses: their axes are permuted, not only flipped.
REFUSED_BY_REFERENCE = {"train/bisweb_T1w_defaced.nii.gz", "train/brainchop_T1w.nii.gz"}


def reference(path):
    images, _ = preprocess_case_for_training_without_label(
        images=[nibabel.load(path)],
        normalization_operation=["volume_wise_znorm"],
        target_orientation="RAS",
        target_spacing=numpy.array([1.0, 1.0, 1.0]),
        intensities=None,
    )
    return images[0]


@pytest.mark.parametrize("path", scans("train"), ids=scan_id)
def test_contract_is_the_references(path, dump, record_property):
    ours = dump("contract", path)
    assert not ours.refused, ours.notes
    try:
        theirs = reference(path)
    except AssertionError as error:
        assert "unexpected NIFTI axes" in str(error)
        assert scan_id(path) in REFUSED_BY_REFERENCE
        return
    assert scan_id(path) not in REFUSED_BY_REFERENCE
    assert list(theirs.shape) == ours.notes["shape"]
    difference = float(numpy.abs(ours.voxels - theirs).max())
    record_property("max_difference", difference)
    print(f"max difference {difference:.2e}")
    assert difference < 1e-3


@pytest.mark.parametrize("shape", [(64, 64, 64), (33, 90, 7), (20, 21, 110), (1, 67, 56), (57, 67, 56)])
def test_resamples_as_skimage(shape, dump):
    source = data_folder() / "awkward" / "slope-inter_uint8_anatomy.nii.gz"
    before = dump("read", source)
    ours = dump("resample", source, *shape, name="resampled")
    theirs = skimage.transform.resize(before.voxels, shape, order=3, mode="reflect", clip=True, preserve_range=True)
    extent = float(before.voxels.max() - before.voxels.min())
    assert numpy.abs(ours.voxels - theirs).max() / extent < 1e-5
