"""What the tests against yucca 1.1.7 and ./dev bench augment share: our transforms as a server, yucca's with given draws."""
import contextlib
import json
import os
import pathlib
import subprocess
from unittest import mock

import nibabel
import numpy
from yucca.functional.preprocessing import preprocess_case_for_training_without_label
from yucca.functional.transforms.bias_field import bias_field
from yucca.functional.transforms.blur import blur
from yucca.functional.transforms.gamma import augment_gamma
from yucca.functional.transforms.motion_ghosting import motion_ghosting
from yucca.functional.transforms.noise import additive_noise, multiplicative_noise
from yucca.functional.transforms.ringing import gibbs_ringing
from yucca.functional.transforms.sampling import simulate_lowres
from yucca.functional.transforms.spatial import spatial


class Transforms:
    """transform_server with one array and one field of noise."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        program = pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "tests" / "transform_server"
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, op, **order):
        self.process.stdin.write(json.dumps({"op": op, **order}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def load(self, array, op="load"):
        path = self.folder / op
        numpy.ascontiguousarray(array, numpy.float32).tofile(path)
        self.shape = array.shape
        self.ask(op, path=str(path), shape=array.shape)

    def phantom(self, shape):
        self.ask("phantom", shape=shape, out=str(self.folder / "phantom"))
        return numpy.fromfile(self.folder / "phantom", numpy.float32).reshape(shape)

    def __call__(self, op, dtype=numpy.float32, shape=None, **order):
        """The result as an array."""
        self.ask(op, out=str(self.folder / "out"), **order)
        out = numpy.fromfile(self.folder / "out", dtype)
        return out.reshape(shape) if shape else out


def preprocessed(path):
    """A scan as yucca prepares it for training."""
    images, _ = preprocess_case_for_training_without_label(
        images=[nibabel.load(path)], normalization_operation=["volume_wise_znorm"], target_orientation="RAS",
        target_spacing=numpy.array([1.0, 1.0, 1.0]), intensities=None)
    return numpy.asarray(images[0], numpy.float32)


def centre(array, size):
    """Of each axis the middle `size` voxels; padded with the minimum where there are fewer."""
    for axis in range(3):
        missing = max(0, size - array.shape[axis])
        pad = [(missing // 2, missing - missing // 2) if a == axis else (0, 0) for a in range(3)]
        array = numpy.pad(array, pad, constant_values=array.min())
        begin = (array.shape[axis] - size) // 2
        array = numpy.take(array, range(begin, begin + size), axis)
    return array


def middle(crop, patch, whole=False):
    """Of the patch in the crop, as the reference has it; or on whole samples."""
    margin = [c - p for c, p in zip(crop, patch)]
    return [(m // 2 if whole else m / 2) + (p - 1) / 2 for m, p in zip(margin, patch)]


def rotation(angles):
    from yucca.functional.array_operations.matrix_ops import Rx, Ry, Rz

    return Rx(angles[0]) @ Ry(angles[1]) @ Rz(angles[2])


@contextlib.contextmanager
def given(**functions):
    """numpy.random's functions, replaced."""
    with contextlib.ExitStack() as stack:
        for name, function in functions.items():
            stack.enter_context(mock.patch.object(numpy.random, name, function))
        yield


def yucca_spatial(image, patch, angles=None, factor=None, elastic=None, label=None):
    """elastic: (alpha, sigma, noise in [-1, 1) of shape (3, *patch)); noise None: drawn by it."""
    alpha, sigma, field = elastic or (None, None, None)
    fields = iter((field.astype(float) + 1) / 2) if field is not None else None
    angle = angles or (0, 0, 0)
    with given(random=lambda shape: next(fields)) if fields else contextlib.nullcontext():
        out, labels = spatial(
            image[None, None], patch, p_deform=1 if elastic else 0, p_rot=1 if angles else 0, p_rot_per_axis=1, p_scale=1 if factor else 0, alpha=alpha,
            sigma=sigma, x_rot=angle[0], y_rot=angle[1], z_rot=angle[2], scale_factor=factor, clip_to_input_range=True, random_crop=False,
            label=None if label is None else label[None, None], skip_label=label is None)
    return out[0, 0] if label is None else (out[0, 0], labels[0, 0])


def yucca_noise(kind, image, sigma, field, clip=True):
    """`field` None: drawn by it."""
    with contextlib.nullcontext() if field is None else given(normal=lambda mean, deviation, shape: mean + deviation * field.astype(float)):
        return {"additive_noise": additive_noise, "multiplicative_noise": multiplicative_noise}[kind](image.astype(float), 0, sigma, clip)


def yucca_blur(image, sigma, clip=True):
    return blur(image, sigma, clip)


def yucca_ghosting(image, alpha, repeats, axis, clip=True):
    return motion_ghosting(image.copy(), alpha, repeats, axis, clip)


def yucca_ringing(image, kept, axis, clip=True):
    """`axis` of the array: yucca's codes 0 and 1 stand for axes 1 and 0."""
    return gibbs_ringing(image.copy(), kept, (1, 0, 2)[axis], clip)


def yucca_low_resolution(image, coarse, clip=True):
    return simulate_lowres(image, coarse, clip)


def yucca_bias_field(image, brightest, clip=True):
    voxel = iter(brightest)
    with given(randint=lambda low, high: next(voxel)):
        return bias_field(image, clip)


def yucca_gamma(image, value, invert, epsilon, clip=True):
    below = value < 1
    with given(random=lambda: 0.0 if below else 1.0, uniform=lambda low, high: value):
        return augment_gamma(image, (0.5, 2.0), invert, epsilon, False, clip)
