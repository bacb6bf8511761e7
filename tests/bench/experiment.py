"""The small experiment on the test volumes: pretraining on train/, tissue segmentation of labelled/ with and without it.

    ./dev bench experiment [-- --home DIR] [--table FILE.md]

Prints the comparison and how long it took; keeps everything below DIR.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from service import AMAES, Service  # noqa: E402  (its folder is known only now)

# Brain tissue labelled alike: CSF, cortex, white matter, deep grey matter; one slab of each head.
CASES = [f"ptbp-slab-{number:02d}" for number in (1, 5, 10, 14, 18, 22, 27, 32)]


def write_list(data, path):
    rows = ["path,subject,modality,label"]
    rows += [f"{data}/labelled/{case}/T1w.nii.gz,{case},T1w,{data}/labelled/{case}/tissue.nii.gz" for case in CASES]
    path.write_text("\n".join(rows) + "\n")


def call(home, *arguments):
    subprocess.run([AMAES, "--home", home, *map(str, arguments)], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=pathlib.Path, help="default: a new folder below the system's temporary one")
    parser.add_argument("--table", type=pathlib.Path, help="where to write the comparison, .md or .csv")
    options = parser.parse_args()
    data = pathlib.Path(os.environ["AMAES_TEST_DATA"]).resolve()
    home = options.home or pathlib.Path(tempfile.mkdtemp(prefix="amaes-experiment-"))
    home.mkdir(parents=True, exist_ok=True)
    tissue = home / "tissue.csv"
    write_list(data, tissue)
    began = time.monotonic()
    with Service(home, slots=2):
        call(home, "dataset", "add", "scans", "--from", data / "train", "--wait")
        call(home, "dataset", "add", "tissue", "--from", tissue, "--held-out", "0.25", "--wait")
        table = ["--table", options.table] if options.table else []
        call(home, "experiment", "run", ROOT / "deploy" / "experiments" / "small-cpu.yaml", *table)
    print(f"\n{(time.monotonic() - began) / 60:.1f} minutes in all; everything is below {home}")


if __name__ == "__main__":
    main()
