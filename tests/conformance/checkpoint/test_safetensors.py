"""Our safetensors files against the reference implementation, in both directions."""

import json
import os
import pathlib
import struct
import subprocess

import numpy as np
import pytest
import safetensors
import safetensors.numpy

TOOL = pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "tests" / "safetensors_tool"


def tool(*arguments):
    return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def dump(path):
    result = tool("dump", path)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_theirs_reads_ours(tmp_path):
    path = tmp_path / "ours.safetensors"
    assert tool("write", path).returncode == 0
    tensors = safetensors.numpy.load_file(path)
    expected = {
        "model.encoder.weight": (np.arange(24) * -0.25).astype(np.float32).reshape(2, 3, 4),
        "bytes": (np.arange(7) * 30).astype(np.uint8),
        "doubles": (np.arange(3) * 1e100).reshape(3, 1),
        "longs": (np.arange(5) * -(10**15)).astype(np.int64),
        "scalar": np.float32(-0.25).reshape(()),
        "empty": np.zeros((0, 3), np.float32),
    }
    assert tensors.keys() == expected.keys()
    for name, value in expected.items():
        assert tensors[name].dtype == value.dtype, name
        assert tensors[name].shape == value.shape, name
        assert tensors[name].tobytes() == value.tobytes(), name
    with safetensors.safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"writer": "amaes"}


def some_tensors():
    rng = np.random.default_rng(7)
    return {
        "model.encoder.in_conv.conv1.conv.weight": rng.standard_normal((8, 1, 3, 3, 3), dtype=np.float32),
        "Ünïcode \"name\"\\": rng.standard_normal(5),
        "counts": rng.integers(-(2**62), 2**62, (3, 2)),
        "mask": rng.integers(0, 256, (4, 4, 4), dtype=np.uint8),
        "scalar": np.array(3.5, np.float32),
        "empty": np.zeros((0,), np.float32),
    }


@pytest.mark.parametrize("metadata", [None, {"format": "pt", "note": "zwei\nZeilen ä"}])
def test_ours_reads_theirs(tmp_path, metadata):
    path = tmp_path / "theirs.safetensors"
    tensors = some_tensors()
    safetensors.numpy.save_file(tensors, path, metadata=metadata)
    found = dump(path)
    assert found["metadata"] == (metadata or {})
    assert found["tensors"].keys() == tensors.keys()
    names = {"float32": "F32", "float64": "F64", "int64": "I64", "uint8": "U8"}
    for name, value in tensors.items():
        entry = found["tensors"][name]
        assert entry["dtype"] == names[str(value.dtype)], name
        assert tuple(entry["shape"]) == value.shape, name
        assert bytes.fromhex(entry["data"]) == value.tobytes(), name


def test_through_ours_and_back(tmp_path):
    tensors = some_tensors()
    safetensors.numpy.save_file(tensors, tmp_path / "a", metadata={"k": "v"})
    assert tool("copy", tmp_path / "a", tmp_path / "b").returncode == 0
    back = safetensors.numpy.load_file(tmp_path / "b")
    assert back.keys() == tensors.keys()
    for name, value in tensors.items():
        np.testing.assert_array_equal(back[name], value)


def frame(header, data=b""):
    text = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(text)) + text + data


def test_bfloat16(tmp_path):
    data = bytes(range(12))
    content = frame('{"half":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}', data)
    (tmp_path / "framed").write_bytes(content)
    assert dump(tmp_path / "framed")["tensors"]["half"] == {"dtype": "BF16", "shape": [2, 3], "data": data.hex()}
    assert tool("copy", tmp_path / "framed", tmp_path / "ours").returncode == 0
    for path in (tmp_path / "framed", tmp_path / "ours"):
        ((name, entry),) = safetensors.deserialize(path.read_bytes())
        assert (name, entry["dtype"], list(entry["shape"]), bytes(entry["data"])) == ("half", "BF16", [2, 3], data)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 100_000_001) + b"{}",
        frame("{"),
        frame("[]"),
        frame(b'{"\xff":1}'),
        frame('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}}', b"x"),
        frame('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"xy"),
        frame('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"xy"),
        frame('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}', b"xyz"),
        frame('{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
    ],
)
def test_both_refuse(tmp_path, content):
    path = tmp_path / "hostile"
    path.write_bytes(content)
    with pytest.raises(safetensors.SafetensorError):
        safetensors.deserialize(content)
    result = tool("dump", path)
    assert result.returncode == 1
    assert result.stderr.startswith("DATA_LOSS"), result.stderr
