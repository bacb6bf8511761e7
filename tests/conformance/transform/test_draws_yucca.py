"""What is drawn, and how often, against the reference's table and against yucca's own composition of transforms (its classes with
their own draws, only the arithmetic left out), all in distribution. Seeds are fixed: nothing here depends on chance.
"""
import contextlib
import importlib
import math
from unittest import mock

import numpy
import pytest
from scipy import stats
from yucca.modules.data.augmentation.YuccaAugmentationComposer import YuccaAugmentationComposer

COUNT = 20_000
PATCH = (128, 128, 128)
# Every p-value of a correct implementation is uniform; with some sixty of them at fixed seeds this bound leaves room.
LEAST_P = 1e-3

PROBABILITY = {
    "elastic": 0.33, "rotation": 0.2 * (1 - 0.34**3), "scale": 0.2, "additive_noise": 0.2, "blur": 0.1, "multiplicative_noise": 0.2,
    "ghosting": 0.2, "ringing": 0.2, "low_resolution": 0.1, "bias_field": 0.33, "gamma": 0.2,
}


def uniform(low, high):
    return stats.uniform(low, high - low)


class Gamma:
    """Half uniform in (0.5, 1), half in (1, 2)."""

    @staticmethod
    def cdf(x):
        x = numpy.asarray(x)
        return numpy.where(x < 1, (x - 0.5).clip(0) * 1.0, 0.5 + 0.5 * (x - 1).clip(0, 1))


# Continuous parameters by name, and their distributions.
RANGES = {
    "elastic alpha": uniform(200, 600), "elastic sigma": uniform(20, 30), "angle x": uniform(-math.pi / 6, math.pi / 6),
    "angle y": uniform(-math.pi / 6, math.pi / 6), "angle z": uniform(-math.pi / 6, math.pi / 6), "factor": uniform(0.9, 1.1),
    "additive sigma": uniform(1e-4, 1e-3), "blur sigma": uniform(0, 1), "multiplicative sigma": uniform(1e-4, 1e-3),
    "ghosting alpha": uniform(0.85, 0.95), "gamma": Gamma,
}
# Discrete ones: all values equally likely.
CHOICES = {"ghosting repeats": range(2, 11), "ghosting axis": range(3), "ringing kept": range(96, 129), "ringing axis": range(3)}


class Record:
    """How often each transform fired in COUNT samples, and with which parameters."""

    def __init__(self):
        self.fired = dict.fromkeys(PROBABILITY, 0)
        self.values = {name: [] for name in (*RANGES, *CHOICES, "coarse", "brightest", "inverted", "axes turned")}

    def add(self, transform=None, **values):
        if transform:
            self.fired[transform] += 1
        for name, value in values.items():
            self.values[name.replace("_", " ")].append(value)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    from transform_peer import Transforms

    server = Transforms(tmp_path_factory.mktemp("draws"))
    draws = server.ask("draws", preset="reference", seed=20, count=COUNT, patch=PATCH)
    server.close()
    record = Record()
    for draw in draws["spatial"]:
        if draw["elastic"]:
            record.add("elastic", elastic_alpha=draw["alpha"], elastic_sigma=draw["sigma"])
        turned = [a is not None for a in draw["angles"]]
        if any(turned):
            record.add("rotation", axes_turned=sum(turned))
        for axis, angle in zip("xyz", draw["angles"]):
            if angle is not None:
                record.add(**{f"angle_{axis}": angle})
        if draw["factor"] is not None:
            record.add("scale", factor=draw["factor"])
    for draw in draws["intensity"]:
        for name, parameter in (("additive_noise", "additive_sigma"), ("blur", "blur_sigma"), ("multiplicative_noise", "multiplicative_sigma"),
                                ("low_resolution", "coarse"), ("bias_field", "brightest")):
            if draw[name] is not None:
                record.add(name, **{parameter: draw[name]})
        if draw["ghosting"]:
            alpha, repeats, axis = draw["ghosting"]
            record.add("ghosting", ghosting_alpha=alpha, ghosting_repeats=repeats, ghosting_axis=axis)
        if draw["ringing"]:
            record.add("ringing", ringing_kept=draw["ringing"][0], ringing_axis=draw["ringing"][1])
        if draw["gamma"]:
            record.add("gamma", gamma=draw["gamma"][0], inverted=draw["gamma"][1])
    return record


def module(name):
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def theirs():
    """yucca's composed training transforms on a tiny image; each arithmetic function replaced by one that notes its arguments."""
    record = Record()
    classes = "yucca.modules.data.augmentation.transforms."
    functional = module("yucca.functional.transforms.spatial")
    seen = {}

    def deform(coordinates, alpha, sigma):
        record.add("elastic", elastic_alpha=alpha, elastic_sigma=sigma)
        return coordinates

    def turn(axis):
        def matrix(angle):
            seen["turned"] = seen.get("turned", 0) + 1
            record.add(**{f"angle_{axis}": angle})
            return numpy.eye(3)

        return matrix

    def sample(image, coordinates, **_):
        factor = (coordinates[0].max() - coordinates[0].min()) / (image.shape[0] - 1)
        if factor != 1:
            record.add("scale", factor=factor)
        return image

    def noted(transform, **parameters):
        def function(image, *positional, **named):
            record.add(transform, **{ours: named[theirs] for ours, theirs in parameters.items()})
            return image

        return function

    def noted_blur(image, sigma, clip_to_input_range):
        record.add("blur", blur_sigma=sigma)
        return image

    def noted_bias(image, clip_to_input_range):
        record.add("bias_field")
        return image

    augment_gamma = module("yucca.functional.transforms.gamma").augment_gamma

    def noted_gamma(image, gamma_range, invert, epsilon, clip_to_input_range):
        # Of [0, 0.25, 1] with epsilon 0 the middle voxel becomes 0.25^gamma; drawn by the function itself.
        middle = augment_gamma(numpy.array([0, 0.25, 1.0]), gamma_range, False, 0.0, False, False)[1]
        record.add("gamma", gamma=math.log(middle) / math.log(0.25), inverted=invert)
        return image

    replaced = [
        (functional, "deform_coordinate_matrix", deform), (functional, "Rx", turn("x")), (functional, "Ry", turn("y")), (functional, "Rz", turn("z")),
        (functional, "map_coordinates", sample),
        (module(classes + "Noise"), "additive_noise", noted("additive_noise", additive_sigma="sigma")),
        (module(classes + "Noise"), "multiplicative_noise", noted("multiplicative_noise", multiplicative_sigma="sigma")),
        (module(classes + "Blur"), "blur", noted_blur),
        (module(classes + "Ghosting"), "motion_ghosting", noted("ghosting", ghosting_alpha="alpha", ghosting_repeats="num_reps", ghosting_axis="axis")),
        (module(classes + "Ringing"), "gibbs_ringing", noted("ringing", ringing_kept="num_sample", ringing_axis="axis")),
        (module(classes + "SimulateLowres"), "simulate_lowres", noted("low_resolution", coarse="target_shape")),
        (module(classes + "BiasField"), "bias_field", noted_bias), (module(classes + "Gamma"), "augment_gamma", noted_gamma),
    ]
    side = 4
    transforms = YuccaAugmentationComposer(patch_size=(side,) * 3, parameter_dict={"clip_to_input_range": True, "skip_label": True}).train_transforms.transforms
    wanted = ("Spatial", "AdditiveNoise", "Blur", "MultiplicativeNoise", "MotionGhosting", "GibbsRinging", "SimulateLowres", "BiasField", "Gamma")
    chosen = [t for t in transforms if type(t).__name__ in wanted]
    assert [type(t).__name__ for t in chosen] == list(wanted)  # the reference's order
    numpy.random.seed(4)
    image = numpy.zeros((1, 1, side, side, side), numpy.float32)
    with contextlib.ExitStack() as stack:
        for where, name, function in replaced:
            stack.enter_context(mock.patch.object(where, name, function))
        for _ in range(COUNT):
            data = {"image": image}
            for transform in chosen:
                seen.clear()
                data = transform(data)
                if type(transform).__name__ == "Spatial" and seen:
                    record.add("rotation", axes_turned=seen["turned"])
    return record


@pytest.mark.parametrize("transform", PROBABILITY)
def test_fires_as_often(transform, ours, theirs):
    p = PROBABILITY[transform]
    for record in (ours, theirs):
        assert stats.binomtest(record.fired[transform], COUNT, p).pvalue > LEAST_P
    table = [[r.fired[transform], COUNT - r.fired[transform]] for r in (ours, theirs)]
    assert stats.chi2_contingency(table).pvalue > LEAST_P


@pytest.mark.parametrize("name", RANGES)
def test_range(name, ours, theirs):
    mine, other = ours.values[name], theirs.values[name]
    assert len(mine) > 500
    assert stats.kstest(mine, RANGES[name].cdf).pvalue > LEAST_P
    assert stats.ks_2samp(mine, other).pvalue > LEAST_P


@pytest.mark.parametrize("name", CHOICES)
def test_choice(name, ours, theirs):
    counts = [[record.values[name].count(value) for value in CHOICES[name]] for record in (ours, theirs)]
    for record, count in zip((ours, theirs), counts):
        assert sum(count) == len(record.values[name]), "a value outside the range"
    assert stats.chisquare(counts[0]).pvalue > LEAST_P
    assert stats.chi2_contingency(counts).pvalue > LEAST_P


def test_axes_turned(ours, theirs):
    counts = [[record.values["axes turned"].count(n) for n in (1, 2, 3)] for record in (ours, theirs)]
    expected = numpy.array([3 * 0.66 * 0.34**2, 3 * 0.66**2 * 0.34, 0.66**3]) / (1 - 0.34**3)
    assert stats.chisquare(counts[0], expected * sum(counts[0])).pvalue > LEAST_P
    assert stats.chi2_contingency(counts).pvalue > LEAST_P


def test_gamma_inverts(ours, theirs):
    for record in (ours, theirs):
        inverted = record.values["inverted"]
        assert stats.binomtest(sum(inverted), len(inverted), 0.05).pvalue > LEAST_P


def test_low_resolution(ours):
    """One zoom for all axes, each with p 0.33; all sides that shrink are the same, and their length is that of a uniform zoom."""
    shapes = numpy.array(ours.values["coarse"])
    shrunk = shapes < PATCH[0]
    # A zoom above 127.5 / 128 rounds to the full side.
    assert stats.binomtest(int(shrunk.sum()), shrunk.size, 0.33 * (0.5 - 0.5 / 128) / 0.5).pvalue > LEAST_P
    sides = [set(shape[flags]) for shape, flags in zip(shapes, shrunk)]
    assert all(len(side) <= 1 for side in sides)
    lengths = numpy.array([side.pop() for side in sides if side])
    inner = lengths[(lengths > 64) & (lengths < 128)]
    assert stats.chisquare(numpy.histogram(inner, bins=numpy.arange(64.5, 128))[0]).pvalue > LEAST_P


def test_low_resolution_rounds_as_numpy(ours):
    from yucca.modules.data.augmentation.transforms.SimulateLowres import SimulateLowres

    numpy.random.seed(1)
    theirs = [SimulateLowres.get_params((0.5, 1.0), PATCH, 0.33) for _ in range(len(ours.values["coarse"]))]
    both = [numpy.sort(numpy.asarray(shapes).min(axis=1)) for shapes in (ours.values["coarse"], theirs)]
    assert stats.ks_2samp(*both).pvalue > LEAST_P


def test_bias_field_is_bright_anywhere(ours):
    voxels = numpy.array(ours.values["brightest"])
    for axis in range(3):
        assert stats.chisquare(numpy.bincount(voxels[:, axis], minlength=128)).pvalue > LEAST_P
    assert abs(numpy.corrcoef(voxels.T)[numpy.triu_indices(3, 1)]).max() < 0.05


def test_transforms_are_independent(tmp_path_factory):
    """No two transforms fire together more or less often than chance has it."""
    from transform_peer import Transforms

    server = Transforms(tmp_path_factory.mktemp("pairs"))
    draws = server.ask("draws", preset="intended", seed=21, count=COUNT, patch=PATCH)
    server.close()
    names = list(draws["intensity"][0])
    fired = numpy.array([[draw[name] is not None for name in names] + [s["elastic"], s["factor"] is not None]
                         for draw, s in zip(draws["intensity"], draws["spatial"])], float)
    correlation = numpy.corrcoef(fired.T)[numpy.triu_indices(fired.shape[1], 1)]
    assert abs(correlation).max() < 4.5 / math.sqrt(COUNT)
