"""Every transform against yucca's, given the same draws and noise: one check each, for a phantom and for a real volume."""
import numpy

import transform_peer as peer

TOLERANCE = 1e-4


def equal(ours, theirs, what, allowed=0):
    """`allowed`: voxels that may differ, because rounding decides on which side of an edge they lie."""
    difference = numpy.abs(ours.reshape(theirs.shape).astype(float) - theirs)
    print(f"{what}: max difference {difference.max():.2e}, {numpy.count_nonzero(difference > TOLERANCE)} voxels above {TOLERANCE}")
    assert numpy.count_nonzero(difference > TOLERANCE) <= allowed, what


def check_intensity(transforms, patch, clips=(True, False)):
    transforms.load(patch)
    n = patch.shape
    field = numpy.random.default_rng(1).normal(size=n).astype(numpy.float32)
    transforms.load(field, "noise")
    for clip in clips:
        for kind in ("additive_noise", "multiplicative_noise"):
            equal(transforms(kind, sigma=1e-3, clip=clip), peer.yucca_noise(kind, patch, 1e-3, field, clip), kind)
        for sigma in (0.05, 0.3, 0.62, 0.999):
            equal(transforms("blur", sigma=sigma, clip=clip), peer.yucca_blur(patch, sigma, clip), f"blur {sigma}")
        for repeats, axis in ((2, 0), (3, 1), (7, 2), (10, 0)):
            equal(transforms("ghosting", alpha=0.85, repeats=repeats, axis=axis, clip=clip),
                  peer.yucca_ghosting(patch, 0.85, repeats, axis, clip), f"ghosting {repeats} along {axis}")
        for kept, axis in ((96, 0), (97, 1), (110, 2), (127, 0), (128, 1)):
            equal(transforms("ringing", kept=kept, axis=axis, clip=clip), peer.yucca_ringing(patch, kept, axis, clip), f"ringing {kept} along {axis}")
        for zoom, axes in ((0.5, (0,)), (0.61, (1, 2)), (0.9, (0, 1, 2)), (0.77, (2,)), (0.8, ())):
            coarse = tuple(round(s * zoom) if i in axes else s for i, s in enumerate(n))
            equal(transforms("low_resolution", coarse=coarse, clip=clip), peer.yucca_low_resolution(patch, coarse, clip), f"low resolution {coarse}")
        for brightest in ((0, 0, 0), (n[0] // 2, 3, n[2] - 1)):
            equal(transforms("bias_field", brightest=brightest, clip=clip), peer.yucca_bias_field(patch, brightest, clip), f"bias field {brightest}")
        for value, invert in ((0.5, False), (0.71, True), (1.4, True), (2.0, False)):
            for epsilon in (1, 1e-7):
                equal(transforms("gamma", gamma=value, invert=invert, epsilon=epsilon, clip=clip),
                      peer.yucca_gamma(patch, value, invert, epsilon, clip), f"gamma {value} {invert} {epsilon}")


SPATIAL = {
    "nothing": {},
    "scale, in": {"factor": 0.9},
    "scale, out": {"factor": 1.1},
    "rotation about x": {"angles": (0.5, 0, 0)},
    "rotation": {"angles": (0.4, -0.3, 0.52)},
    "rotation and scale": {"angles": (-0.1, 0.2, -0.5), "factor": 1.07},
    "elastic": {"elastic": (600, 20.0)},
    "elastic, wide": {"elastic": (200, 29.7)},
    "all": {"elastic": (450, 24.3), "angles": (0.2, -0.5, 0.1), "factor": 0.93},
}


def check_spatial(transforms, crop, patch, case):
    """`crop` is the whole array, as in the reference."""
    transforms.load(crop)
    draw = dict(SPATIAL[case])
    matrix = peer.rotation(draw.get("angles", (0, 0, 0))) * draw.get("factor", 1)
    order = {"patch": patch, "middle": peer.middle(crop.shape, patch), "matrix": matrix.reshape(-1).tolist()}
    if "elastic" in draw:
        field = numpy.random.default_rng(2).uniform(-1, 1, (3, *patch)).astype(numpy.float32)
        transforms.load(field, "noise")
        order["alpha"], order["sigma"] = draw["elastic"]
        draw["elastic"] = (*draw["elastic"], field)
    # A displacement that rounds differently puts a voxel on the edge of the crop on its other side.
    equal(transforms("spatial", **order), peer.yucca_spatial(crop, patch, **draw), case, 3 if "elastic" in draw else 0)


def check_labels(transforms, labels, patch, case):
    transforms.load(labels)
    draw = dict(SPATIAL[case])
    matrix = peer.rotation(draw.get("angles", (0, 0, 0))) * draw.get("factor", 1)
    ours = transforms("labels", dtype=numpy.uint8, shape=patch, patch=patch, middle=peer.middle(labels.shape, patch), matrix=matrix.reshape(-1).tolist())
    _, theirs = peer.yucca_spatial(labels, patch, **draw, label=labels)
    numpy.testing.assert_array_equal(ours, theirs)
