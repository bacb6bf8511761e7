"""Real scans through the real programs: each awkward file is read or refused for its defect; labels come with their scans."""

import csv
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import service as amaes  # noqa: E402

DATA = pathlib.Path(os.environ["AMAES_TEST_DATA"])

# What becomes of a file of the real collection, by what its manifest expects. "read" is a volume, a duplicate or a named skip.
ACCEPTED = {
    "read": "volume|duplicate|skipped: .+",
    "read; some NaN": "volume",
    "text": "skipped: .+",
    "clear refusal": "quarantined: RGB.*",
    "read as 1 slice or a clear refusal": "quarantined: 2D image.*",
    "read as magnitude or a clear refusal": "quarantined: complex voxels.*",
    "read or a clear refusal (ANALYZE, not NIfTI)": "volume",
    "refused or skipped: no finite voxel": "quarantined: no finite voxel.*",
    "refused or skipped: constant image": "quarantined: constant image.*",
    "tree is walked; each image refused as truncated": "quarantined: truncated: .*",
}


class IngestRealTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="amaes-ingest-")
        self.addCleanup(self.folder.cleanup)

    def home(self):
        return pathlib.Path(self.folder.name) / "home"

    def add(self, service, scans, name):
        """The job and the version it made."""
        job = service.json("dataset", "add", name, "--from", scans, "--wait")
        return {"job": job, "version": service.json("dataset", "show", name)}

    def test_awkward_files_are_read_or_refused_for_their_defect(self):
        source = DATA / "awkward"
        with open(DATA / "manifest.csv", newline="") as manifest:
            expected = {row["path"][len("awkward/"):]: row["expect"] for row in csv.DictReader(manifest)
                        if row["path"].startswith("awkward/")}
        with amaes.Service(self.home()) as service:
            self.check_outcomes(service, source, expected)
            tree = {name[len("bids-tree-header-only/"):]: expect for name, expect in expected.items()
                    if name.startswith("bids-tree-header-only/")}
            # Nothing in it can be read: the job says so, with the reason.
            out = service.run("dataset", "add", "tree", "--from", source / "bids-tree-header-only", "--wait", expect=4)
            self.assertIn("truncated", out)
            plan = service.json("dataset", "add", "tree", "--from", source / "bids-tree-header-only", "--dry-run")
            self.assertEqual(sum(plan["unreadable"].values()), sum("truncated" in e for e in tree.values()))

    def test_labelled_scans_bring_their_labels_as_csv_and_as_nnunet(self):
        labelled = DATA / "labelled"
        cases = sorted(case.name for case in labelled.glob("ptbp-slab-*"))
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))
        with open(folder / "scans.csv", "w", newline="") as table:
            rows = csv.writer(table)
            rows.writerow(["path", "subject", "modality", "label"])
            rows.writerows([labelled / case / "T1w.nii.gz", case, "T1w", labelled / case / "tissue.nii.gz"] for case in cases)
        raw = folder / "Dataset001_Slabs"
        for part in ("imagesTr", "labelsTr"):
            (raw / part).mkdir(parents=True)
        for case in cases:
            (raw / "imagesTr" / f"{case}_0000.nii.gz").symlink_to(labelled / case / "T1w.nii.gz")
            (raw / "labelsTr" / f"{case}.nii.gz").symlink_to(labelled / case / "tissue.nii.gz")
        (raw / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T1w"}, "labels": {"background": 0, "brain": 1},
                                                      "numTraining": len(cases), "file_ending": ".nii.gz"}))
        home = self.home()
        with amaes.Service(home) as service:
            as_csv = self.add(service, scans=folder / "scans.csv", name="as-csv")
            # A label is stored with each volume.
            self.assertEqual(len(list(home.glob("volumes/*/*.b2nd"))), 2 * len(cases))
            as_nnunet = self.add(service, scans=raw, name="as-nnunet")
            self.assertEqual(as_csv["version"]["digest"], as_nnunet["version"]["digest"])
            self.assertEqual(int(as_nnunet["version"]["volumes"]), len(cases))
            self.assertEqual(len(list(home.glob("volumes/*/*.b2nd"))), 2 * len(cases))

    def check_outcomes(self, service, source, expected):
        self.add(service, scans=source, name="awkward")
        report = service.json("dataset", "show", "awkward", "--report")
        volumes = service.json("dataset", "show", "awkward", "--volumes")["volumes"]
        outcomes = {volume["source"]: "volume" for volume in volumes}
        outcomes |= {item["source"]: "duplicate" for item in report["duplicates"]}
        outcomes |= {item["source"]: "skipped: " + item["reason"] for item in report["skipped"]}
        outcomes |= {item["source"]: "quarantined: " + item["reason"] for item in report["quarantined"]}
        for name, expect in expected.items():
            self.assertRegex(outcomes.get(name, "nothing"), f"^({ACCEPTED[expect]})$", name)
        self.assertEqual(int(report["files"]), len(outcomes))


if __name__ == "__main__":
    unittest.main(verbosity=2)
