"""The `zscore` contract against nnU-Net's own normalisation and resampling (nnunetv2, in yucca's environment, which has
what it imports), on scans under AMAES_TEST_DATA.
"""
import numpy
import pytest
import scipy.ndimage
import skimage.transform
from nnunetv2.preprocessing.normalization.default_normalization_schemes import ZScoreNormalization
from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape, resample_data_or_seg_to_shape

import volume_reference
from volume_scans import data_folder

CASES = [
    ("train/mni152_T1w_2mm.nii.gz", (1, 1, 1)),
    ("train/cit168_T1w_brain.nii.gz", (1.7, 1.5, 2.2)),  # shrinks, without smoothing
    ("train/allineate_T2w.nii.gz", (1, 1, 3.5)),  # the wanted grid is the coarse one
    ("train/oms-long-p01_study1_FLAIR.nii.gz", (1, 1, 1)),  # 0.72 x 0.72 x 4 mm: slice by slice
    ("train/oms-long-p20_study2_T1w.nii.gz", (0, 0, 1.2)),  # its own spacing within the slices
    ("train/coregqa_epi.nii.gz", (2, 2, 3.6)),
    ("labelled/ptbp-slab-01/T1w.nii.gz", (0.8, 0.9, 1)),  # permuted axes
    ("labelled/ads-s01/DWI-trace.nii.gz", (1, 1, 2.5)),
    ("awkward/oblique38_3slices_7T.nii.gz", (1, 1, 1)),
    ("awkward/bigendian-float32_nan_moved.nii", (1, 0, 9)),
    ("awkward/vector3_dti-V1.nii.gz", (1.5, 1.5, 1.5)),  # negative voxels
    ("awkward/uint16_53mm-spacing_b0.nii.gz", (2, 2, 20)),
]


def nnunet(path, wanted):
    voxels, spacing = volume_reference.canonical(path)
    wanted = [w if w > 0 else s for w, s in zip(wanted, spacing)]
    voxels = voxels[volume_reference.box_of(scipy.ndimage.binary_fill_holes(voxels != 0))]
    voxels = ZScoreNormalization(use_mask_for_norm=False, intensityproperties={}).run(voxels.copy())
    shape = compute_new_shape(voxels.shape, spacing, wanted)
    return resample_data_or_seg_to_shape(
        voxels[None], shape, spacing, wanted, is_seg=False, order=3, order_z=0, force_separate_z=None
    )[0]


@pytest.mark.parametrize("name, wanted", CASES)
def test_contract_is_nnunets(name, wanted, dump):
    ours = dump("zscore", data_folder() / name, *wanted)
    assert not ours.refused, ours.notes
    theirs = nnunet(data_folder() / name, wanted)
    assert list(theirs.shape) == ours.notes["shape"]
    difference = float(numpy.abs(ours.voxels - theirs).max())
    print(f"max difference {difference:.2e} of {numpy.abs(theirs).max():.1f}")
    assert difference < 1e-4


@pytest.mark.parametrize("name", ["train/oms-long-p01_study1_FLAIR.nii.gz", "labelled/ptbp-slab-01/T1w.nii.gz"])
def test_native_spacing_is_not_resampled(name, dump):
    ours = dump("zscore", data_folder() / name, 0, 0, 0)
    voxels, _ = volume_reference.canonical(data_folder() / name)
    voxels = voxels[volume_reference.box_of(voxels != 0)].astype(numpy.float64)
    numpy.testing.assert_allclose(ours.voxels, (voxels - voxels.mean()) / voxels.std(), atol=1e-5)


@pytest.mark.parametrize("wanted", [(1, 1, 1), (4, 3, 2.5)])
def test_resamples_as_skimage(wanted, dump):
    path = data_folder() / "awkward" / "slope-inter_uint8_anatomy.nii.gz"
    ours = dump("zscore", path, *wanted)
    voxels, spacing = volume_reference.canonical(path)
    voxels = (voxels - voxels.mean(dtype=float)) / voxels.std(dtype=float)  # no voxel is 0, so nothing is cropped
    shape = volume_reference.target_shape(voxels.shape, spacing, wanted)
    theirs = skimage.transform.resize(voxels, shape, order=3, mode="edge", anti_aliasing=False)
    assert numpy.abs(ours.voxels - theirs).max() < 1e-5
