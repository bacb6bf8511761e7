"""What yucca 1.1.7 itself leaves on disk for a scan (.npy and .pkl, with the NumPy of its time) is read, and lies where the
contract puts the scan."""
import pickle

import nibabel
import numpy
import pytest
from yucca.functional.preprocessing import preprocess_case_for_training_without_label

from volume_scans import data_folder


@pytest.mark.parametrize("channel_axis", [True, False])  # AMAES stores (1, X, Y, Z), FOMO25 (X, Y, Z)
@pytest.mark.parametrize("name", ["coregqa_epi.nii.gz", "mni152_T1w_2mm.nii.gz"])
def test_reads_a_preprocessed_case(name, channel_axis, dump, tmp_path):
    path = data_folder() / "train" / name
    images, properties = preprocess_case_for_training_without_label(
        images=[nibabel.load(path)],
        normalization_operation=["volume_wise_znorm"],
        target_orientation="RAS",
        target_spacing=numpy.array([1.0, 1.0, 1.0]),
        intensities=None,
        image_properties={},
    )
    array = images[0].astype(numpy.float32)
    numpy.save(tmp_path / "case.npy", array[None] if channel_axis else array)
    (tmp_path / "case.pkl").write_bytes(pickle.dumps(properties))
    read = dump("npy", tmp_path / "case.npy", 0, tmp_path / "case.pkl", name="read")
    assert not read.refused, read.notes
    numpy.testing.assert_array_equal(read.voxels, array)
    ours = dump("contract", path, name="contract")
    numpy.testing.assert_allclose(read.affine, ours.affine, atol=1e-4)
    numpy.testing.assert_allclose(read.notes["spacing"], ours.notes["spacing"], atol=1e-5)
    assert numpy.abs(read.voxels - ours.voxels).max() < 1e-3

    properties["new_size"] = [1, 2, 3]
    (tmp_path / "other.pkl").write_bytes(pickle.dumps(properties))
    other = dump("npy", tmp_path / "case.npy", 0, tmp_path / "other.pkl", name="other")
    assert "belongs to another array" in other.notes["error"]
