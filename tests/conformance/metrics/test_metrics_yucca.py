"""Our scores against yucca 1.1.7's evaluator and MONAI's distances, on random label maps."""

import numpy
import pytest
from scipy import ndimage

import peers


def blobs(seed, shape, labels, share=0.25):
    """A smooth random label map."""
    random = numpy.random.default_rng(seed)
    fields = numpy.stack([ndimage.gaussian_filter(random.standard_normal(shape), 2.0) for _ in labels])
    foreground = fields.max(axis=0) > numpy.quantile(fields.max(axis=0), 1 - share)
    return numpy.where(foreground, numpy.asarray(labels)[fields.argmax(axis=0)], 0)


def spoilt(truth, seed, labels):
    """The map moved by a voxel or two, with some voxels of other labels."""
    random = numpy.random.default_rng(seed)
    out = numpy.roll(truth, tuple(random.integers(-2, 3, 3)), (0, 1, 2))
    noise = random.random(truth.shape) < 0.01
    out[noise] = random.choice([0, *labels], noise.sum())
    return out


def close(got, expected, rel=1e-6, absolute=1e-6):
    if numpy.isnan(expected):
        assert numpy.isnan(got)
    else:
        assert got == pytest.approx(expected, rel=rel, abs=absolute)


CASES = {
    "one-label": ((24, 26, 22), (1.0, 1.0, 1.0), (1,)),
    "brats": ((24, 20, 26), (1.0, 1.0, 1.0), (1, 2, 4)),
    "thick-slices": ((40, 36, 9), (0.72, 0.72, 5.0), (1, 2)),
    "odd-spacing": ((17, 23, 19), (0.9, 1.7, 1.3), (1, 2, 3)),
}


@pytest.fixture(params=CASES, scope="module")
def case(request, tmp_path_factory):
    shape, spacing, labels = CASES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    truth = blobs(1, shape, labels)
    peers.save(folder / "truth.nii.gz", truth, spacing)
    peers.save(folder / "prediction.nii.gz", spoilt(truth, 2, labels), spacing)
    return folder, labels


def score(case, regions):
    folder, _ = case
    return peers.ours(folder / "truth.nii.gz", folder / "prediction.nii.gz", regions)


def test_counts_and_overlap_are_yuccas(case, tmp_path):
    folder, labels = case
    ours = score(case, {str(label): [label] for label in labels})
    # Its confusion matrix is indexed by label, so that its labels must have no gap.
    every = range(1, max(labels) + 1)
    theirs = peers.yuccas(tmp_path, folder / "truth.nii.gz", folder / "prediction.nii.gz", every)
    for label in map(str, labels):
        for name, value in theirs[label].items():
            close(ours[label][name], value, absolute=5.1e-5)


def test_foreground_is_yuccas_binary_label(case, tmp_path):
    folder, labels = case
    ours = score(case, {str(label): [label] for label in labels})
    theirs = peers.yuccas(tmp_path, folder / "truth.nii.gz", folder / "prediction.nii.gz", labels, as_binary=True)["1"]
    for name, value in theirs.items():
        close(ours["foreground" if len(labels) > 1 else "1"][name], value, absolute=5.1e-5)


def test_all_is_the_sum_of_the_labels(case):
    _, labels = case
    ours = score(case, {str(label): [label] for label in labels})
    if len(labels) == 1:
        assert set(ours) == {"1"}
        return
    for name in ("tp", "fp", "fn"):
        assert ours["all"][name] == sum(ours[str(label)][name] for label in labels)


def test_distances_are_monais(case):
    folder, labels = case
    regions = {str(label): [label] for label in labels} | {"pair": list(labels[:2])}
    ours = score(case, regions)
    for region, members in regions.items():
        for name, value in peers.monais(folder / "truth.nii.gz", folder / "prediction.nii.gz", members).items():
            close(ours[region][name], value, rel=1e-5)  # its quantile is worked out in float32


@pytest.mark.parametrize("which", ["neither", "truth", "prediction"])
def test_empty_labels(tmp_path, which):
    """NaN and infinity where yucca and MONAI have them; but for MONAI's quantile between two infinities, which is NaN."""
    labels = blobs(5, (16, 17, 18), (1,))
    none = numpy.zeros_like(labels)
    peers.save(tmp_path / "truth.nii.gz", labels if which == "truth" else none, (1, 1, 2))
    peers.save(tmp_path / "prediction.nii.gz", labels if which == "prediction" else none, (1, 1, 2))
    files = tmp_path / "truth.nii.gz", tmp_path / "prediction.nii.gz"
    ours = peers.ours(*files, {"1": [1]})["1"]
    for name, value in peers.yuccas(tmp_path, *files, (1,))["1"].items():
        close(ours[name], value)
    for name, value in peers.monais(*files, [1]).items():
        close(ours[name], value if which == "neither" or name != "hausdorff_95_mm" else numpy.inf)
