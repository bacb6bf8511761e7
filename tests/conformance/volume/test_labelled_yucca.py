"""The `amaes` contract on the labelled volumes under AMAES_TEST_DATA, label maps as volumes among them; and label maps that
go along with an image.
"""
import numpy
import pytest

import volume_reference
from volume_scans import data_folder, scan_id, scans
from volume_yucca import check_contract, reference_label


@pytest.mark.parametrize("path", scans("labelled"), ids=scan_id)
def test_contract_is_the_references(path, dump):
    check_contract(path, dump)


@pytest.mark.parametrize(
    "image, label",
    [
        ("spm152/T1w", "spm152/tissue"),
        ("ads-s01/DWI-trace", "ads-s01/lesion"),
        ("niimath-t1/T1w", "niimath-t1/gm-prob"),
        ("eve/T1w", "eve/parcellation"),
    ],
)
def test_labels_go_where_the_references_go(image, label, dump):
    image, label = (data_folder() / "labelled" / f"{name}.nii.gz" for name in (image, label))
    ours = dump("label", image, label)
    assert not ours.refused, ours.notes
    numpy.testing.assert_array_equal(ours.voxels, reference_label(image, label))


def test_permuted_label_lies_on_its_permuted_image(dump):
    case = data_folder() / "labelled" / "ptbp-slab-18"
    ours = dump("label", case / "T1w.nii.gz", case / "tissue.nii.gz")
    voxels, spacing = volume_reference.canonical(case / "T1w.nii.gz")
    numpy.testing.assert_allclose(spacing, 1, atol=1e-5)  # nothing is resampled
    labels, _ = volume_reference.canonical(case / "tissue.nii.gz")
    numpy.testing.assert_array_equal(ours.voxels, labels[volume_reference.box_of(voxels > 0, beyond=1)])


def test_label_of_another_origin_is_refused(dump):
    folder = data_folder() / "awkward"
    ours = dump("label", folder / "same-dims-other-origin_T1w.nii.gz", folder / "same-dims-other-origin_labels.nii.gz")
    assert ours.refused and "does not lie on the volume's grid" in ours.notes["error"], ours.notes
