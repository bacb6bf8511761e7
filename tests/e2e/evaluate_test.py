"""An evaluation from submit to report; killed and taken up again; refused; with files that moved."""

import csv
import gzip
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import page  # noqa: E402
import service as amaes  # noqa: E402

SUBJECTS = 6
CLASSES = "skull=1,csf=2,grey=3,white=4,deep=5,lesion=6"


# Each within the one before; values that neither has are of the larger one.
REGIONS = {"head": (1, 2, 3, 4, 5, 6), "tissue": (3, 4, 5), "white": (4,)}


def write_list(scans, name="scans", modalities=("FLAIR",)):
    """NAME.csv: some modalities of each phantom with its label."""
    rows = ["path,label,subject,modality"]
    rows += [f"sub-phantom{i:03d}_{m}.nii.gz,sub-phantom{i:03d}_label.nii.gz,sub-phantom{i:03d},{m}" for i in range(SUBJECTS) for m in modalities]
    path = scans / f"{name}.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def read_nifti(path):
    """Header, and the voxels as numbers: float32 or uint8, little-endian."""
    data = gzip.decompress(path.read_bytes())
    kind, = struct.unpack_from("<h", data, 70)
    count = 1
    for extent in struct.unpack_from("<3h", data, 42):
        count *= extent
    form = {2: "B", 16: "f"}[kind]
    return data[:348], [round(v) for v in struct.unpack_from(f"<{count}{form}", data, 352)]


def geometry(header):
    """dim, pixdim, units, qform and sform."""
    return header[40:56] + header[76:108] + header[123:124] + header[252:328]


class EvaluateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="amaes-evaluate-")
        cls.root = pathlib.Path(cls.folder.name)
        cls.scans = cls.root / "scans"
        cls.home = cls.root / "home"
        amaes.run(cls.home, "phantom", "--to", cls.scans, "--subjects", SUBJECTS, "--labels")
        listing = write_list(cls.scans)
        with amaes.Service(cls.home) as service:
            service.run("dataset", "add", "scans", "--from", listing, "--layout", "csv", "--spacing", "2", "--wait")
            cls.digest = service.json("dataset", "show", "scans")["digest"]
        cls.model = cls.make_checkpoint("model", "finetune", CLASSES, 64)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def make_checkpoint(cls, name, kind, classes, patch, seed=1, average=None):
        """Weights drawn by `seed`; with `average`: others beside them, as their moving average."""
        folder = cls.root / name / "00000010-001"
        tool = amaes.BUILD / "tests" / "make_checkpoint"
        seeds = [str(s) for s in (seed, average) if s is not None]
        subprocess.run([tool, folder, kind, classes, str(patch), cls.digest, *seeds], check=True)
        return folder

    def spec(self, home, **changes):
        path = home / "evaluate.json"
        fields = {"kind": "evaluate", "name": "test", "dataset": {"name": "scans", "split": "all"}, "device": "cpu", "workers": 2,
                  "checkpoint": {"from": str(self.model)}, "window": {"overlap": 0.25}}
        path.write_text(json.dumps({**fields, **changes}))
        return path

    def test_from_submit_to_report(self):
        home = amaes.copy_home(self.home, self.root)
        with amaes.Service(home) as service:
            out = service.run("submit", "-f", self.spec(home), "--wait")
            self.assertIn("SUCCEEDED", out)
            job = service.json("job", "show", "test")
            progress = job["evaluation"]
            self.assertEqual((progress["cases"], progress["done"]), ("6", "6"))
            results = service.json("job", "report", "test")
            self.assertIn("DICE", service.run("job", "report", "test"))
            for file in ("report.html", "numbers.csv"):
                service.run("job", "report", "test", "--save", home / file)
            http = json.loads((home / "run" / "coordinator.json").read_text())["http"]
        regions = [row["region"] for row in results["cases"][0]["regions"]]
        self.assertEqual(regions, ["skull", "csf", "grey", "white", "deep", "lesion", "all", "foreground"])
        means = {(s["region"], s["measure"]): s["mean"] for s in progress["scores"]}
        for row in results["summary"]:
            self.assertAlmostEqual(means[row["region"], "dice"], row["dice"]["mean"], places=12)
        self.assertEqual(len(list(csv.reader((home / "numbers.csv").read_text().splitlines()))), 1 + 6 * 8)
        report = (home / "report.html").read_text()
        self.assertIn("sub-phantom003", report)
        self.assertEqual(page.check(report), 6)
        self.check_files(pathlib.Path(job["folder"]), results)
        self.check_privacy(home)
        self.assertTrue(http)

    def check_files(self, folder, results):
        """The predictions lie on the scans' grids, and the scores are theirs."""
        for case in results["cases"]:
            number = case["subject"][-3:]
            header, prediction = read_nifti(folder / "evaluation" / "predictions" / case["prediction"])
            scan, _ = read_nifti(self.scans / f"sub-phantom{number}_FLAIR.nii.gz")
            self.assertEqual(geometry(header), geometry(scan))
            _, truth = read_nifti(self.scans / f"sub-phantom{number}_label.nii.gz")
            pairs = {}
            for pair in zip(truth, prediction):
                pairs[pair] = pairs.get(pair, 0) + 1
            for label, row in enumerate(case["regions"][:6], start=1):
                both = pairs.get((label, label), 0)
                wrong = sum(n for (t, p), n in pairs.items() if (t == label) != (p == label))
                self.assertEqual(row["true_positive"], both)
                if both + wrong:
                    self.assertAlmostEqual(row["dice"], 2 * both / (2 * both + wrong), places=12)
                else:
                    self.assertIsNone(row["dice"])

    def check_privacy(self, home):
        for log in home.glob("jobs/*/logs/*.log"):
            self.assertNotIn("phantom", log.read_text(), log)

    def test_killed_and_taken_up(self):
        home = amaes.copy_home(self.home, self.root)
        with amaes.Service(home, fault="point=evaluation_case,step=2,rank=0,attempt=1,kill=self") as service:
            out = service.run("submit", "-f", self.spec(home), "--wait")
            self.assertIn("SUCCEEDED", out)
            job = service.json("job", "show", "test")
            self.assertEqual(job["attempt"], 2)
            self.assertEqual(job["evaluation"]["done"], "6")
            log = service.run("job", "logs", "test", "--attempt", "2", "--rank", "0")
        # Two of rank 0's three cases were done before.
        self.assertIn("goes on", log)
        self.assertEqual(log.count("case measured"), 1)

    def test_refusals_before_a_slot_is_taken(self):
        home = amaes.copy_home(self.home, self.root)
        pretrained = self.make_checkpoint("pretrained", "pretrain", CLASSES, 64)
        narrow = self.make_checkpoint("narrow", "finetune", "lesion=6", 64)
        odd = self.make_checkpoint("odd", "finetune", CLASSES, 40)
        with amaes.Service(home) as service:
            def refused(*words, **changes):
                out = service.run("submit", "-f", self.spec(home, **changes), expect=2)
                for word in words:
                    self.assertIn(word, out)
            refused("checkpoint.from", "finetune it for segmentation first", checkpoint={"from": str(pretrained)})
            refused("scoring.background", "1 (in 6 cases)", "it knows lesion=6", checkpoint={"from": str(narrow)})
            refused("checkpoint.weights", "there is no moving average", checkpoint={"from": str(self.model), "weights": "average"})
            refused("window.patch", "40 is no multiple of 16", checkpoint={"from": str(odd)})
            refused("scoring.regions", "not trained on value 9", scoring={"regions": "x=1+9"})
            refused("checkpoint.from", "there is no job 'nothing'", checkpoint={"from": "job:nothing"})
            refused("dataset.filter", dataset={"name": "scans", "filter": "modality"})
            refused("no labelled case", dataset={"name": "scans", "filter": "modality=T1w"})
            refused("checkpoint.from", "is required", checkpoint={})
            # What counts as background may be said.
            service.run("submit", "--dry-run", "-f", self.spec(home, checkpoint={"from": str(narrow)}, scoring={"background": "1+2+3+4+5"}))
            service.run("submit", "--dry-run", "-f", self.spec(home, dataset={"name": "scans"}))
            self.assertEqual(service.json("job", "ls", "--filter", "kind=evaluate")["jobs"], [])

    def test_the_average_is_read_where_there_is_one(self):
        home = amaes.copy_home(self.home, self.root)
        both = self.make_checkpoint("both", "finetune", CLASSES, 64, seed=1, average=2)
        second = self.make_checkpoint("second", "finetune", CLASSES, 64, seed=2)
        found = {}
        with amaes.Service(home) as service:
            for name, folder, weights in (("first", self.model, "auto"), ("second", second, "auto"), ("auto", both, "auto"),
                                          ("trained", both, "trained"), ("average", both, "average")):
                spec = self.spec(home, name=name, workers=1, checkpoint={"from": str(folder), "weights": weights},
                                 dataset={"name": "scans", "split": "all", "filter": "subject=sub-phantom003"})
                service.run("submit", "-f", spec, "--wait")
                results = service.json("job", "report", name)
                self.assertEqual(len(results["cases"]), 1)
                found[name] = (results["facts"]["Weights"], [row["true_positive"] for row in results["cases"][0]["regions"]])
        self.assertNotEqual(found["first"][1], found["second"][1])
        self.assertEqual(found["trained"], ("trained", found["first"][1]))
        self.assertEqual(found["auto"], ("moving average", found["second"][1]))
        self.assertEqual(found["average"], found["auto"])

    def test_waits_for_a_finetuning(self):
        """Both are submitted at once; the checkpoint is chosen when it is there."""
        home = amaes.copy_home(self.home, self.root)
        tune = {"kind": "finetune", "name": "tune", "dataset": {"name": "scans"}, "network": {"name": "unet", "filters": 4}, "patch": 32,
                "labels": {"classes": CLASSES}, "schedule": {"steps": 2}, "global_batch": 1, "workers": 1, "device": "cpu",
                "checkpoint": {"every_steps": 1}, "validation": {"every_steps": 0}}
        path = home / "tune.json"
        path.write_text(json.dumps(tune))
        with amaes.Service(home) as service:
            service.run("submit", "-f", path)
            spec = self.spec(home, checkpoint={"from": "job:tune"}, workers=1)
            self.assertIn("wait for it with after: tune", service.run("submit", "-f", spec, expect=2))
            spec = self.spec(home, after="tune", checkpoint={"from": "job:tune"}, workers=1, dataset={"name": "scans"})
            self.assertIn("SUCCEEDED", service.run("submit", "-f", spec, "--wait"))
            results = service.json("job", "report", "test")
            tuned = service.json("job", "show", "tune")["id"]
        self.assertEqual(results["facts"]["Checkpoint"], f"00000002-001 of {tuned}")
        self.assertEqual(results["facts"]["Windows"], "32 × 32 × 32 voxels, overlap 0.25, added up")

    def test_regions_that_overlap(self):
        """Trained as regions on two channels, measured as regions: an output each, nested in the label map."""
        home = amaes.copy_home(self.home, self.root)
        classes = ",".join(f"{name}={'+'.join(map(str, values))}" for name, values in REGIONS.items())
        tune = {"kind": "finetune", "name": "tune", "dataset": {"name": "pairs", "channels": "FLAIR,T1w"}, "network": {"name": "unet", "filters": 4},
                "patch": 32, "labels": {"classes": classes, "regions": True}, "schedule": {"steps": 40, "epoch_steps": 10},
                "optimizer": {"learning_rate": 1e-2}, "global_batch": 2, "micro_batch": 2, "workers": 2, "device": "cpu",
                "checkpoint": {"every_steps": 20}, "validation": {"every_steps": 20, "crops": 1}}
        path = home / "tune.json"
        path.write_text(json.dumps(tune))
        listing = write_list(self.scans, "pairs", ("FLAIR", "T1w"))
        with amaes.Service(home) as service:
            service.run("dataset", "add", "pairs", "--from", listing, "--layout", "csv", "--spacing", "2", "--wait")
            self.assertIn(f"regions {classes}", service.run("submit", "-f", path, "--dry-run"))
            service.run("submit", "-f", path, "--wait")
            job = service.json("job", "show", "tune")
            spec = self.spec(home, checkpoint={"from": "job:tune"}, dataset={"name": "pairs", "split": "all"})
            service.run("submit", "-f", spec, "--wait")
            results, folder = service.json("job", "report", "test"), pathlib.Path(service.json("job", "show", "test")["folder"])

        network = job["spec"]["finetune"]["network"]
        self.assertEqual((int(network["in_channels"]), int(network["out_channels"])), (2, 3), network)
        lines = [json.loads(line) for line in (pathlib.Path(job["folder"]) / "metrics.jsonl").read_text().splitlines()]
        first, *_, last = [line for line in lines if line.get("split") == "held_out"]
        self.assertEqual(sorted(key for key in last if key.startswith("dice_")), [f"dice_{name}" for name in sorted(REGIONS)])
        self.assertAlmostEqual(last["dice"], sum(last[f"dice_{name}"] for name in REGIONS) / 3, places=6)
        self.assertGreater(last["dice_head"], first["dice_head"])
        self.assertGreater(last["dice_head"], 0.8, last)

        self.assertEqual([region["name"] for region in results["regions"]][:3], list(REGIONS))
        self.assertEqual(len(results["cases"]), SUBJECTS)
        seen = set()
        for case in results["cases"]:
            _, prediction = read_nifti(folder / "evaluation" / "predictions" / case["prediction"])
            _, truth = read_nifti(self.scans / f"sub-phantom{case['subject'][-3:]}_label.nii.gz")
            seen |= set(prediction)
            for (name, values), row in zip(REGIONS.items(), case["regions"]):
                self.assertEqual(row["region"], name)
                found, there = [p in values for p in prediction], [t in values for t in truth]
                both = sum(f and t for f, t in zip(found, there))
                self.assertEqual(row["true_positive"], both, name)
                self.assertAlmostEqual(row["dice"], 2 * both / (sum(found) + sum(there)), places=12)
        # A voxel has the label of the smallest region that it is in.
        self.assertLessEqual(seen, {0, 1, 3, 4})
        self.assertTrue(seen - {0}, "nothing was found anywhere")

    def test_files_that_moved(self):
        home = amaes.copy_home(self.home, self.root)
        there = self.root / "elsewhere"
        self.scans.rename(there)
        try:
            with amaes.Service(home) as service:
                out = service.run("submit", "-f", self.spec(home), "--wait", expect=4)
                self.assertIn("6 of 6 label files are not where they were ingested", out)
                self.assertIn("dataset.moved", out)
                dataset = {"name": "scans", "split": "held_out", "moved": f"{self.scans}={there}"}
                out = service.run("submit", "-f", self.spec(home, dataset=dataset, predictions=False, workers=1), "--wait")
                self.assertIn("SUCCEEDED", out)
                job = service.json("job", "show", "test")
                self.assertEqual(job["evaluation"]["cases"], "1")
                self.assertEqual(list((pathlib.Path(job["folder"]) / "evaluation" / "predictions").iterdir()), [])
        finally:
            there.rename(self.scans)


if __name__ == "__main__":
    unittest.main(verbosity=2)
