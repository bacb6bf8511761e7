"""The contracts in NumPy, SciPy and scikit-image, written from the description in libs/volume/contract.h."""
import nibabel
import numpy
import scipy.ndimage
import skimage.transform


def first_volume(path):
    """The first volume of a file as a 3D NIfTI image with the file's affine and zooms; NaN and infinity as 0."""
    image = nibabel.load(path)
    voxels = numpy.asarray(image.dataobj[(slice(None),) * 3 + (0,) * (image.ndim - 3)])
    if voxels.dtype.kind == "f":
        voxels = numpy.where(numpy.isfinite(voxels), voxels, 0).astype(voxels.dtype)
    elif voxels.dtype.itemsize == 8:
        voxels = voxels.astype(numpy.float64)  # NIfTI images of 64-bit integers need nibabel's blessing
    header = nibabel.Nifti1Header.from_header(image.header)
    header.set_data_shape(voxels.shape)
    header.set_data_dtype(voxels.dtype)
    header.set_slope_inter(1, 0)
    return nibabel.Nifti1Image(voxels, image.affine, header)


def canonical(path):
    """Voxels (float32) and spacing in RAS+."""
    image = first_volume(path)
    spacing = numpy.empty(3)
    spacing[nibabel.io_orientation(image.affine)[:, 0].astype(int)] = image.header.get_zooms()
    return numpy.asarray(nibabel.as_closest_canonical(image).get_fdata(), numpy.float32), spacing


def box_of(mask, beyond=0):
    """Slices around what is true, `beyond` voxels more at the upper ends."""
    found = scipy.ndimage.find_objects(mask.astype(numpy.uint8))[0]
    return tuple(slice(s.start, min(s.stop + beyond, n)) for s, n in zip(found, mask.shape))


def target_shape(shape, spacing, wanted):
    return [max(1, int(round(float(s / w * n)))) for s, w, n in zip(spacing, wanted, shape)]


def amaes(path):
    """The `amaes` contract at 1 mm with the reference's crop."""
    voxels, spacing = canonical(path)
    voxels = voxels[box_of(voxels > 0, beyond=1)].astype(numpy.float64)
    foreground = voxels[voxels != voxels.min()]
    voxels = numpy.minimum(voxels, numpy.quantile(foreground, 0.99))
    voxels = (voxels - voxels.min()) / (voxels.max() - voxels.min())
    shape = target_shape(voxels.shape, spacing, [1, 1, 1])
    return skimage.transform.resize(voxels, shape, order=3, mode="reflect", clip=True, preserve_range=True)
