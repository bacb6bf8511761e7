"""The way back to the scan's own grid against yucca's reverse_preprocessing and its saved NIfTI; read by nibabel."""

import os
import pathlib

import nibabel
import numpy
import pytest
import torch
from safetensors.numpy import save_file
from scipy import ndimage
from yucca.functional.preprocessing import preprocess_case_for_inference, reverse_preprocessing
from yucca.functional.utils.saving import save_prediction_from_logits

from test_window_yucca import dump

DATA = pathlib.Path(os.environ["AMAES_TEST_DATA"]).resolve()  # yucca takes what follows the first dot of a path for the extension
PATCH = (96, 96, 96)
# Both spacings above and below 1 mm, four orientations; yucca takes no permuted axes.
YUCCAS = ["labelled/ads-s01/dwi-trace.nii.gz", "train/coregqa_T1w.nii.gz", "train/mni152_T1w_2mm.nii.gz", "train/oms-long-p20_study2_T1w.nii.gz",
          "awkward/tiny_4mm-brain_lps.nii.gz"]
HEADERS = ["labelled/ptbp-slab-01/t1w.nii.gz", "train/brainchop_T1w.nii.gz", "awkward/orient_SPL.nii.gz", "awkward/nifti2_int16_4d.nii.gz",
           "awkward/int32_oblique18_epi.nii.gz", "awkward/bigendian-uint8_slope0_avg152T1.nii.gz", "awkward/pair_uint8_ras.hdr",
           "awkward/4d_dti_3vol_8mm.nii.gz", "awkward/trailing-dim1_labels5002.nii.gz"]


def found(name):
    """The file of that name, whatever its case: the folder's names differ in it."""
    path = DATA / name
    return next(p for p in path.parent.iterdir() if p.name.lower() == path.name.lower())


def smooth_logits(shape, channels):
    random = numpy.random.default_rng(3)
    return numpy.stack([ndimage.gaussian_filter(random.standard_normal(shape), 3) for _ in range(channels)])[None].astype("f4")


def same_geometry(got, source):
    """All that the header says about the grid; a scan of several volumes becomes one."""
    assert got.shape == (source.shape if len(source.shape) == 3 or source.shape[3:] == (1,) else source.shape[:3])
    assert numpy.array_equal(got.affine, source.affine)
    assert got.get_data_dtype() == numpy.uint8
    assert type(got.header) in (type(source.header), nibabel.Nifti1Header)
    for field in ("qform_code", "sform_code", "srow_x", "srow_y", "srow_z", "quatern_b", "quatern_c", "quatern_d",
                  "qoffset_x", "qoffset_y", "qoffset_z", "xyzt_units", "descrip", "pixdim"):
        assert numpy.array_equal(got.header[field], source.header[field]), field
    assert got.dataobj.slope == 1 and got.dataobj.inter == 0


@pytest.mark.parametrize("name", YUCCAS)
def test_whole_way_is_yuccas(tmp_path, name):
    path = found(name)
    case, properties = preprocess_case_for_inference(
        crop_to_nonzero=True, keep_aspect_ratio=False, images=[str(path)], intensities=None, normalization_scheme=["volume_wise_znorm"],
        patch_size=PATCH, target_size=None, target_spacing=[1, 1, 1], target_orientation="RAS", transpose_forward=[0, 1, 2])
    logits = smooth_logits(properties["resampled_transposed_shape"], 3)
    low, high = numpy.array(properties["padding"]).reshape(3, 2).T
    padded = numpy.pad(logits, [(0, 0), (0, 0), *zip(low, high)])
    assert padded.shape[2:] == case.shape[2:]
    native, properties = reverse_preprocessing(True, torch.from_numpy(padded), properties, 3, [0, 1, 2], [0, 1, 2])
    save_prediction_from_logits(native, str(tmp_path / "theirs"), properties)

    save_file({"logits": logits}, tmp_path / "logits.safetensors")
    dump("native", path, tmp_path / "logits.safetensors", tmp_path / "ours.nii.gz", "classes", 0, 1, 2)
    ours, theirs, source = (nibabel.load(p) for p in (tmp_path / "ours.nii.gz", tmp_path / "theirs.nii.gz", path))
    got, expected = numpy.asarray(ours.dataobj), numpy.asarray(theirs.dataobj)
    assert len(numpy.unique(expected)) == 3
    print(f"\n{name}: {(got != expected).mean():.1e} of the voxels differ")
    # Where two logits are nearly equal, rounding decides.
    assert (got != expected).mean() < 1e-5
    same_geometry(ours, source)
    assert numpy.array_equal(ours.affine, theirs.affine)


@pytest.mark.parametrize("name", HEADERS)
def test_header_is_the_scans(tmp_path, name):
    """The box that the contract keeps as a label: in the scan's own axes, whatever they are."""
    path = found(name)
    source = nibabel.load(path)
    to_ras = nibabel.io_orientation(source.affine)
    voxels = nibabel.apply_orientation(numpy.asarray(source.dataobj, dtype="f4").reshape(*source.shape[:3], -1)[..., 0], to_ras)
    labels = numpy.zeros(voxels.shape, "u1")
    labels[tuple(slice(i.min(), i.max() + 2) for i in numpy.nonzero(voxels > 0))] = 7
    expected = nibabel.apply_orientation(labels, nibabel.orientations.ornt_transform([[0, 1], [1, 1], [2, 1]], to_ras))
    logits = numpy.zeros((1, 2, 4, 4, 4), "f4")
    logits[:, 1] = 1
    save_file({"logits": logits}, tmp_path / "logits.safetensors")
    dump("native", path, tmp_path / "logits.safetensors", tmp_path / "ours.nii.gz", "classes", 0, 7)
    ours = nibabel.load(tmp_path / "ours.nii.gz")
    same_geometry(ours, source)
    assert numpy.array_equal(numpy.asarray(ours.dataobj).reshape(expected.shape), expected)
