"""What both test files of this folder share: where the program and the scans lie, and how to run one on the other."""
import json
import os
import pathlib
import subprocess

import numpy


def data_folder():
    return pathlib.Path(os.environ["AMAES_TEST_DATA"])


def scans(*folders):
    """Images under the given folders of the test data; of a pair, the header."""
    found = []
    for folder in folders:
        for pattern in ("*.nii", "*.nii.gz", "*.hdr"):
            found += sorted((data_folder() / folder).rglob(pattern))
    assert found, f"no scans under {data_folder()}"
    return found


def scan_id(path):
    return str(path.relative_to(data_folder()))


class Dump:
    """One run of volume_dump: its notes, its voxels, or why it refused."""

    def __init__(self, mode, source, out, *arguments):
        program = pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "tests" / "volume_dump"
        done = subprocess.run([program, mode, source, out, *map(str, arguments)], check=False, timeout=300)
        assert done.returncode in (0, 3), f"volume_dump {mode} {source}: exit code {done.returncode}"
        self.path = pathlib.Path(out)
        self.refused = done.returncode == 3
        if mode != "rewrite" or self.refused:
            self.notes = json.loads(self.path.with_name(self.path.name + ".json").read_text())

    @property
    def voxels(self):
        raw = numpy.fromfile(self.path.with_name(self.path.name + ".f32"), numpy.float32)
        return raw.reshape(self.notes["shape"])

    @property
    def affine(self):
        return numpy.array(self.notes["affine"]).reshape(4, 4)
