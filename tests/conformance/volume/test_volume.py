"""libs/volume against nibabel and python-blosc2, on the scans under AMAES_TEST_DATA."""
import json

import blosc2
import nibabel
import numpy
import pytest

from volume_scans import data_folder, scan_id, scans

# What nibabel reads and we refuse, by the words of our refusal.
REFUSALS = ("truncated", "2D image", "RGB voxels", "complex voxels", "no finite voxel", "constant image")


def canonical(path):
    """The first frame as nibabel brings it to RAS+, non-finite voxels as 0; the image, for its affine."""
    image = nibabel.load(path)
    if image.ndim > 3:
        first = image.dataobj[(slice(None),) * 3 + (0,) * (image.ndim - 3)]
        image = image.__class__(numpy.asarray(first, numpy.float64), image.affine)
    image = nibabel.as_closest_canonical(image)
    with numpy.errstate(over="ignore"):
        voxels = numpy.asarray(image.get_fdata(), numpy.float32)
    return numpy.where(numpy.isfinite(voxels), voxels, numpy.float32(0)), image.affine


@pytest.mark.parametrize("path", scans("train", "labelled", "awkward"), ids=scan_id)
def test_reads_as_nibabel(path, dump):
    ours = dump("read", path)
    if ours.refused:
        assert any(word in ours.notes["error"] for word in REFUSALS), ours.notes
        return
    voxels, affine = canonical(path)
    assert list(voxels.shape) == ours.notes["shape"]
    numpy.testing.assert_array_equal(ours.voxels, voxels)
    numpy.testing.assert_allclose(ours.affine, affine, atol=1e-4)
    assert ours.notes["orientation"] == "".join(nibabel.aff2axcodes(nibabel.load(path).affine))


@pytest.mark.parametrize("name", ["slope-inter_uint8_anatomy.nii.gz", "int32_oblique18_epi.nii.gz"])
def test_nibabel_reads_what_we_write(name, dump, tmp_path):
    source = data_folder() / "awkward" / name
    read = dump("read", source)
    for suffix in (".nii", ".nii.gz"):
        written = dump("rewrite", source, name="copy" + suffix)
        image = nibabel.load(written.path)
        numpy.testing.assert_array_equal(numpy.asarray(image.dataobj), read.voxels)
        numpy.testing.assert_allclose(image.affine, read.affine, atol=1e-5)


@pytest.mark.parametrize("path", scans("train"), ids=scan_id)
def test_python_blosc2_reads_what_we_store(path, dump):
    ours = dump("store", path)
    assert not ours.refused, ours.notes
    array = blosc2.open(str(ours.path) + ".b2nd", mode="r")
    assert array.dtype == numpy.uint16 and list(array.shape) == ours.notes["shape"]
    meta = json.loads(array.schunk.meta["amaes"])
    assert meta["format"] == 1 and meta["shape"] == ours.notes["shape"]
    values = array[:].astype(numpy.float64) * meta["scale"] + meta["offset"]
    numpy.testing.assert_array_equal(values.astype(numpy.float32), ours.voxels)
    assert ours.notes["minimum"] == ours.voxels.min()


def test_stored_volume_is_laid_out_as_documented(dump):
    ours = dump("store", data_folder() / "train" / "mni152_T1w_2mm.nii.gz")
    array = blosc2.open(str(ours.path) + ".b2nd", mode="r")
    assert tuple(array.chunks) == tuple(min(64, n) for n in array.shape) and tuple(array.blocks) == (16, 16, 16)
    assert array.schunk.cparams.codec == blosc2.Codec.LZ4
    assert blosc2.Filter.BITSHUFFLE in array.schunk.cparams.filters
    plain = dump("contract", data_folder() / "train" / "mni152_T1w_2mm.nii.gz", name="plain")
    assert numpy.abs(plain.voxels - ours.voxels).max() <= 0.5 / 4095 + 1e-7
