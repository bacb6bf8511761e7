"""Arrays and pickles as Python writes them: libs/volume against NumPy, python-blosc2 and the pickle module."""
import collections
import io
import json
import os
import pickle

import blosc2
import numpy
import pytest

RANDOM = numpy.random.default_rng(5)
TYPES = ["?", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", "<i8", ">i8", "<u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]


def numbers(shape, dtype):
    return RANDOM.uniform(0, 100, shape).astype(dtype) if dtype != "?" else RANDOM.uniform(0, 1, shape) < 0.5


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("dtype", TYPES)
def test_reads_npy_as_numpy(dtype, order, dump, tmp_path):
    for shape, channel in [((4, 3, 5), 0), ((1, 4, 3, 5), 0), ((3, 4, 3, 5), 2)]:
        array = numpy.asarray(numbers(shape, dtype), order=order)
        numpy.save(tmp_path / "a.npy", array)
        ours = dump("npy", tmp_path / "a.npy", channel)
        assert not ours.refused, ours.notes
        expected = array if array.ndim == 3 else array[channel]
        numpy.testing.assert_array_equal(ours.voxels, expected.astype(numpy.float32))
        assert ours.notes["datatype"] == array.dtype.newbyteorder("=").name
        assert ours.notes["channels"] == (array.shape[0] if array.ndim == 4 else 1)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_reads_every_version(version, dump, tmp_path):
    array = numbers((2, 3, 4), "f4")
    with open(tmp_path / "a.npy", "wb") as file:
        numpy.lib.format.write_array(file, array, version=version)
    numpy.testing.assert_array_equal(dump("npy", tmp_path / "a.npy").voxels, array)


def test_refuses_an_object_array_without_unpickling_it(dump, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    numpy.save(tmp_path / "a.npy", numpy.array([[[Trap(), 1]]], dtype=object), allow_pickle=True)
    ours = dump("npy", tmp_path / "a.npy")
    assert ours.refused and "object array" in ours.notes["error"], ours.notes
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("dtype", TYPES)
def test_reads_foreign_b2nd_as_blosc2(dtype, dump, tmp_path):
    array = numbers((2, 20, 33, 17), dtype)
    stored = blosc2.asarray(
        numpy.ascontiguousarray(array), urlpath=str(tmp_path / "a.b2nd"), chunks=(1, 16, 16, 16), blocks=(1, 8, 8, 8)
    )
    for channel in (0, 1):
        ours = dump("b2nd", tmp_path / "a.b2nd", channel)
        assert not ours.refused, ours.notes
        numpy.testing.assert_array_equal(ours.voxels, stored[channel].astype(numpy.float32))
        assert ours.notes["channels"] == 2
    assert "no channel 2" in dump("b2nd", tmp_path / "a.b2nd", 2).notes["error"]


CODECS = [blosc2.Codec.BLOSCLZ, blosc2.Codec.LZ4, blosc2.Codec.LZ4HC, blosc2.Codec.ZLIB, blosc2.Codec.ZSTD]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("filters", [[blosc2.Filter.SHUFFLE], [blosc2.Filter.BITSHUFFLE], [blosc2.Filter.DELTA, blosc2.Filter.SHUFFLE]])
def test_reads_every_codec_of_blosc2(codec, filters, dump, tmp_path):
    array = numbers((1, 40, 20, 30), "f4")
    array[:, :20] = 0  # special chunks
    blosc2.asarray(array, urlpath=str(tmp_path / "a.b2nd"), cparams={"codec": codec, "clevel": 5, "filters": filters, "filters_meta": [0] * len(filters)})
    numpy.testing.assert_array_equal(dump("b2nd", tmp_path / "a.b2nd").voxels, array[0])


def test_refuses_what_is_no_b2nd_of_others(dump, tmp_path):
    array = numbers((1, 20, 20, 20), "f4")
    blosc2.asarray(array, urlpath=str(tmp_path / "a.b2nd"))
    whole = (tmp_path / "a.b2nd").read_bytes()
    for cut in (0, 10, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.b2nd").write_bytes(whole[:cut])
        assert dump("b2nd", tmp_path / "cut.b2nd").refused
    blosc2.asarray(numbers((20, 20), "f4"), urlpath=str(tmp_path / "flat.b2nd"))
    assert "2D image" in dump("b2nd", tmp_path / "flat.b2nd").notes["error"]
    blosc2.asarray(numbers((20, 20, 20), "f4").astype("c8"), urlpath=str(tmp_path / "complex.b2nd"))
    assert "complex voxels" in dump("b2nd", tmp_path / "complex.b2nd").notes["error"]


def test_does_not_take_our_own_volumes_for_others(dump, tmp_path):
    array = blosc2.asarray(numbers((20, 20, 20), "u2"), urlpath=str(tmp_path / "ours.b2nd"), meta={"amaes": "{}"})
    assert "amaes" in array.schunk.meta
    assert "a stored volume of amaes" in dump("b2nd", tmp_path / "ours.b2nd").notes["error"]


# What pickles may hold, and what the same is in JSON.
VALUES = [
    (None, None),
    ([True, False, 0, 1, -1, 255, 256, 65536, -(2**31), 2**31, 2**63 - 1, -(2**63), 2**64 - 1], "same"),
    ([0.0, -1.5, 1e300, 2.0**-1074, 0.1], "same"),
    (["", "plain", "Größe µm 脳 🧠", 'quote " \\ \n \x00', "x" * 300, "y" * 70000], "same"),
    ({"a": 1, "b": [2, {"c": (3, 4)}]}, {"a": 1, "b": [2, {"c": [3, 4]}]}),
    ({1: "one", (1, 2): "pair", None: 0, True: 1}, {"1": 1, "[1,2]": "pair", "null": 0}),
    (((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)), [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]),
    ([b"", b"bytes \xff\x00", bytearray(b"array")], [{"bytes": list(b), "subtype": None} for b in (b"", b"bytes \xff\x00", b"array")]),
    (collections.OrderedDict([("z", 1), ("a", collections.OrderedDict())]), {"z": 1, "a": {}}),
    ([numpy.float64(0.1), numpy.float32(0.5), numpy.float16(2), numpy.int64(-7), numpy.uint8(200), numpy.bool_(True)], [0.1, 0.5, 2.0, -7, 200, True]),
    (list(range(3000)), "same"),
]  # fmt: skip
ARRAYS = [
    numpy.arange(24, dtype=dtype).reshape(2, 3, 4) for dtype in ("u1", "<i2", ">i2", "<i4", "<u8", "<i8", ">f8", "<f4", "<f2")
] + [
    numpy.asfortranarray(numpy.arange(24.0).reshape(2, 3, 4)),
    numpy.array(3.25),
    numpy.zeros((0, 3)),
    numpy.zeros((3, 0), "i4"),
    numpy.array([True, False]),
    numpy.arange(10)[::2],
    numpy.array([2**64 - 1, 2**63], "u8"),
]  # fmt: skip


@pytest.mark.parametrize("protocol", range(6))
def test_reads_pickles_as_python(protocol, dump, tmp_path):
    shared = ["again"]
    values = [value for value, _ in VALUES] + ARRAYS + [[shared, shared], numpy.eye(4)]
    expected = [value if json_value == "same" else json_value for value, json_value in VALUES]
    expected += [array.tolist() for array in ARRAYS] + [[shared, shared], numpy.eye(4).tolist()]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(values, protocol=protocol))
    ours = dump("pickle", tmp_path / "a.pkl")
    assert not ours.refused, ours.notes
    for got, wanted in zip(ours.notes, expected, strict=True):
        assert got == wanted
    # and one by one, as a whole pickle
    for value, wanted in list(zip(values, expected))[:12]:
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
        assert dump("pickle", tmp_path / "a.pkl").notes == wanted


class Plain:
    pass


@pytest.mark.parametrize("protocol", range(6))
def test_refuses_what_only_executing_gives(protocol, dump, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    refused = [
        (Trap(), "mkdir"),
        ({"deep": [1, (Trap(),)]}, "mkdir"),
        (Plain(), "refused"),
        (print, "print"),
        ({1, 2}, "refused"),
        (1j, "complex"),
        (collections.Counter("aab"), "Counter"),
        (slice(1, 2), "slice"),
        (numpy.array([{}], dtype=object), "object array"),
        (numpy.array(["text"]), "unknown datatype"),
        (numpy.zeros(2, dtype=[("a", "i4")]), "unknown datatype"),
        (numpy.array([1j]), "complex"),
        (2**64, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        ({"1": 0, 1: 0}, "two keys"),
    ]
    for value, word in refused:
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
        ours = dump("pickle", tmp_path / "a.pkl")
        assert ours.refused and ours.notes["code"] == "INVALID_ARGUMENT", (value, ours.notes)
        assert word in ours.notes["error"], (value, ours.notes)
    assert not (tmp_path / "executed").exists()


def test_reads_out_of_band_buffers_only_in_band(dump, tmp_path):
    array = numpy.arange(100.0)
    buffers = []
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(array, protocol=5, buffer_callback=buffers.append))
    assert len(buffers) == 1
    assert "outside of the file" in dump("pickle", tmp_path / "a.pkl").notes["error"]


def test_follows_no_circle(dump, tmp_path):
    circle = []
    circle.append(circle)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(circle))
    assert "nested deeper" in dump("pickle", tmp_path / "a.pkl").notes["error"]


def test_is_not_blown_up(dump, tmp_path):
    # 2^30 values from 600 bytes, by lists that hold the same list twice.
    value = [0, 0]
    for _ in range(30):
        value = [value, value]
    file = io.BytesIO()
    pickle.Pickler(file, 4).dump(value)
    (tmp_path / "a.pkl").write_bytes(file.getvalue())
    assert "too large" in dump("pickle", tmp_path / "a.pkl").notes["error"]
    assert json.dumps(dump("pickle", tmp_path / "a.pkl").notes)


def test_refuses_a_pickle_that_tells_no_place(dump, tmp_path):
    blosc2.asarray(numbers((1, 20, 20, 20), "f4"), urlpath=str(tmp_path / "a.b2nd"))
    for properties, words in [
        ({}, "neither yucca's"),
        ([1], "neither yucca's"),
        ({"bbox_used_for_cropping": [[0, 1]] * 3}, '"spacing" is missing'),
        ({"bbox_used_for_cropping": [], "spacing": [1, 1, 1], "shape_after_cropping_and_before_resampling": (1, 1, 1)}, "6 numbers"),
        ({"bbox_used_for_cropping": [[0, 1]] * 3, "spacing": [1, 0, 1], "shape_after_cropping_and_before_resampling": (1, 1, 1)}, "spacing 0 mm"),
    ]:
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(properties))
        ours = dump("b2nd", tmp_path / "a.b2nd", 0, tmp_path / "a.pkl")
        assert ours.refused and words in ours.notes["error"], (properties, ours.notes)
