"""Where an array that nnU-Net keeps of a real scan (under AMAES_TEST_DATA) lies in space, by the pickle beside it."""
import pickle

import blosc2
import nibabel
import numpy
import pytest

from volume_scans import data_folder


def nnunet_case(path, library):
    """What nnU-Net keeps of a scan at its own spacing: the cropped array (1, z, y, x) and its properties. Of a scan, as its
    readers on SimpleITK and on nibabel see it."""
    image = nibabel.load(path)
    array = numpy.asarray(image.get_fdata(), numpy.float32).transpose(2, 1, 0)
    properties = {"spacing": [float(zoom) for zoom in image.header.get_zooms()[::-1]]}
    if library == "nibabel":
        properties["nibabel_stuff"] = {"original_affine": image.affine}
    else:
        lps = numpy.diag([-1, -1, 1, 1]) @ image.affine
        zooms = numpy.linalg.norm(lps[:3, :3], axis=0)
        direction = lps[:3, :3] / zooms
        properties["sitk_stuff"] = {
            "spacing": tuple(zooms.tolist()),
            "origin": tuple(lps[:3, 3].tolist()),
            "direction": tuple(direction.ravel().tolist()),
        }
    where = numpy.argwhere(array != 0)
    box = [[int(low), int(high) + 1] for low, high in zip(where.min(0), where.max(0))]
    properties["shape_before_cropping"] = array.shape
    properties["bbox_used_for_cropping"] = box
    array = array[tuple(slice(*side) for side in box)]
    properties["shape_after_cropping_and_before_resampling"] = array.shape
    properties["class_locations"] = {1: numpy.argwhere(array > 50)[:100], (1, 2): []}
    return array[None], properties


@pytest.mark.parametrize("library", ["sitk", "nibabel"])
@pytest.mark.parametrize("name", ["orient_RAS.nii.gz", "orient_PIR.nii.gz", "orient_SPL.nii.gz", "int32_oblique18_epi.nii.gz"])
def test_places_nnunets_arrays_in_space(name, library, dump, tmp_path):
    path = data_folder() / "awkward" / name
    array, properties = nnunet_case(path, library)
    blosc2.asarray(array, urlpath=str(tmp_path / "a.b2nd"))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(properties))
    ours = dump("b2nd", tmp_path / "a.b2nd", 0, tmp_path / "a.pkl")
    assert not ours.refused, ours.notes
    ras = nibabel.as_closest_canonical(nibabel.load(path))
    voxels = numpy.asarray(ras.get_fdata(), numpy.float32)
    where = numpy.argwhere(voxels != 0)
    low, high = where.min(0), where.max(0) + 1
    numpy.testing.assert_array_equal(ours.voxels, voxels[tuple(slice(*side) for side in zip(low, high))])
    affine = ras.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    numpy.testing.assert_allclose(ours.affine, affine, atol=1e-4)


def test_knows_the_spacing_after_resampling(dump, tmp_path):
    array, properties = nnunet_case(data_folder() / "awkward" / "orient_PIR.nii.gz", "sitk")
    half = numpy.ascontiguousarray(array[:, ::2, ::2, ::2])
    blosc2.asarray(half, urlpath=str(tmp_path / "a.b2nd"))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(properties))
    ours = dump("b2nd", tmp_path / "a.b2nd", 0, tmp_path / "a.pkl")
    factors = numpy.array(array.shape[1:]) / half.shape[1:]
    expected = numpy.array(properties["spacing"]) * factors
    assert sorted(ours.notes["spacing"]) == pytest.approx(sorted(expected))
    numpy.testing.assert_allclose(numpy.linalg.norm(ours.affine[:3, :3], axis=0), ours.notes["spacing"], rtol=1e-5)
