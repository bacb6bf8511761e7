"""Our scores against yucca's and MONAI's on labels of real scans: the labelled cases of AMAES_TEST_DATA."""

import os
import pathlib

import nibabel
import numpy
import pytest
from scipy import ndimage

import peers
from test_metrics_yucca import close

CASES = {"stroke-M2307/lesion": (1,), "ads-s01/lesion": (1,), "tcga-DU-7294/tumour": (1, 2), "oms-cross-p07/lesion": (1,)}


def spoilt(truth, labels):
    """What a network may answer: labels grown and shrunk, one pair swapped in places, and an island far off."""
    out = numpy.zeros_like(truth)
    for i, label in enumerate(labels):
        change = ndimage.binary_dilation if i % 2 == 0 else ndimage.binary_erosion
        out[change(truth == label)] = label
    out[3:6, 4:6, 5:7] = labels[0]
    return out


@pytest.mark.parametrize("case", CASES)
def test_scores(case, tmp_path):
    labels = CASES[case]
    source = pathlib.Path(os.environ["AMAES_TEST_DATA"]) / "labelled" / f"{case}.nii.gz"
    image = nibabel.load(source)
    truth = numpy.around(numpy.asarray(image.dataobj)).astype(numpy.uint8)
    files = tmp_path / "truth.nii.gz", tmp_path / "prediction.nii.gz"
    for file, array in zip(files, (truth, spoilt(truth, labels))):
        nibabel.save(nibabel.Nifti1Image(array, image.affine), file)
    ours = peers.ours(*files, {str(label): [label] for label in labels})
    for label, row in peers.yuccas(tmp_path, *files, labels).items():
        for name, value in row.items():
            close(ours[label][name], value, absolute=5.1e-5)
    for label in labels:
        for name, value in peers.monais(*files, [label]).items():
            close(ours[str(label)][name], value, rel=1e-5)
        voxel = float(numpy.prod(image.header.get_zooms()[:3]))
        assert ours[str(label)]["truth_ml"] == pytest.approx((truth == label).sum() * voxel / 1000, rel=1e-5)
