"""The `amaes` contract against the reference's own preprocessing (yucca 1.1.7), on every training scan under
AMAES_TEST_DATA; resampling against scikit-image 0.24, which it rests on.
"""
import numpy
import pytest
import skimage.transform

from volume_scans import data_folder, scan_id, scans
from volume_yucca import check_contract, reference


@pytest.mark.parametrize("path", scans("train"), ids=scan_id)
def test_contract_is_the_references(path, dump):
    check_contract(path, dump)


def test_the_reference_refuses_permuted_axes():
    refused = [scan_id(path) for path in scans("train") if "defaced" in path.name or "brainchop" in path.name]
    assert refused == ["train/bisweb_T1w_defaced.nii.gz", "train/brainchop_T1w.nii.gz"]
    for name in refused:
        assert reference(data_folder() / name) is None
    assert reference(data_folder() / "train" / "coregqa_epi.nii.gz") is not None


@pytest.mark.parametrize("shape", [(64, 64, 64), (33, 90, 7), (20, 21, 110), (1, 67, 56), (57, 67, 56)])
def test_resamples_as_skimage(shape, dump):
    source = data_folder() / "awkward" / "slope-inter_uint8_anatomy.nii.gz"
    before = dump("read", source)
    ours = dump("resample", source, *shape, name="resampled")
    theirs = skimage.transform.resize(before.voxels, shape, order=3, mode="reflect", clip=True, preserve_range=True)
    extent = float(before.voxels.max() - before.voxels.min())
    assert numpy.abs(ours.voxels - theirs).max() / extent < 1e-5
