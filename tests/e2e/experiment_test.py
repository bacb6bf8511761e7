"""A small experiment from its file to its table: jobs that come after one another, run again without new work, shown."""

import csv
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import service as amaes  # noqa: E402

TINY = ("network: {name: unet, filters: 4}, patch: 32, device: cpu, precision: fp32, workers: 1, threads_per_worker: 1, global_batch: 2, "
        "optimizer.learning_rate: 3e-3, checkpoint.every_steps: 10, validation: {every_steps: 10, crops: 1}")
LABELS = 'labels: {classes: "csf=2,grey=3+5,white=4,lesion=6", background: "1"}'
EXPERIMENT = f"""
name: tiny
pretrain:
  unet: {{preset: pretrain, set: {{dataset: scans, {TINY}, schedule: {{steps: 4, warmup_steps: 1}}}}}}
finetune:
  set: {{dataset: scans, {TINY}, {LABELS}, schedule: {{steps: 10, epoch_steps: 5}}, init.freeze_encoder_steps: 2}}
  seeds: [1, 2]
  arms:
    pretrained: {{from: unet}}
    scratch: {{from: scratch}}
evaluate:
  test: {{set: {{dataset.name: scans, device: cpu, predictions: false, scoring.background: "1"}}}}
"""


class ExperimentTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="amaes-experiment-")
        cls.root = pathlib.Path(cls.folder.name)
        cls.home = cls.root / "home"
        scans = cls.root / "scans"
        amaes.run(cls.home, "phantom", "--to", scans, "--subjects", 6, "--labels")
        rows = ["path,label,subject,modality"]
        rows += [f"sub-phantom{i:03d}_FLAIR.nii.gz,sub-phantom{i:03d}_label.nii.gz,{i},FLAIR" for i in range(6)]
        (scans / "scans.csv").write_text("\n".join(rows) + "\n")
        cls.file = cls.root / "experiment.yaml"
        cls.file.write_text(EXPERIMENT)
        with amaes.Service(cls.home) as service:
            service.run("dataset", "add", "scans", "--from", scans, "--layout", "csv", "--spacing", "2", "--held-out", "0.3", "--wait")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_from_file_to_table(self):
        with amaes.Service(self.home) as service:
            table = self.root / "table.csv"
            said = service.run("experiment", "run", self.file, "--table", table)
            self.assertIn("pretrained - scratch", said)
            rows = list(csv.DictReader(table.read_text().splitlines()))
            self.assertEqual({row["arm"] for row in rows}, {"pretrained", "scratch"})
            self.assertEqual({row["seeds"] for row in rows if row["region"] == "grey"}, {"2"})
            jobs = service.json("job", "ls", "--limit", 100)["jobs"]
            ours = [job for job in jobs if job["spec"]["name"].startswith("tiny-")]
            self.assertEqual(len(ours), 1 + 4 + 4)  # what the file says
            self.assertEqual({job["state"] for job in ours}, {"JOB_STATE_SUCCEEDED"})
            # The weights of the pretraining were taken over, and only by the arm that asks for it.
            self.assertTrue(service.json("job", "show", "tiny-finetune-pretrained-1")["initialisation"])
            self.assertFalse(service.json("job", "show", "tiny-finetune-scratch-1")["initialisation"])
            # Again: nothing new is submitted.
            service.run("experiment", "run", self.file)
            self.assertEqual(len(service.json("job", "ls", "--limit", 100)["jobs"]), len(jobs))
            shown = json.loads(service.run("experiment", "show", self.file, "--output", "json"))
            self.assertEqual(len(shown), len(rows))

    def test_a_wrong_file_submits_nothing(self):
        wrong = self.root / "wrong.yaml"
        wrong.write_text(EXPERIMENT.replace("from: unet", "from: unett").replace("seeds: [1, 2]", "seeds: []"))
        said = amaes.run(self.home, "experiment", "run", wrong, "--dry-run", expect=2)
        self.assertIn("unett", said)
        self.assertIn("finetune.seeds", said)

    def test_what_only_a_later_job_would_find_is_found_before_the_first(self):
        with amaes.Service(self.home) as service:
            before = len(service.json("job", "ls", "--limit", 100)["jobs"])
            wrong = self.root / "later.yaml"
            wrong.write_text(EXPERIMENT.replace("name: tiny", "name: later").replace("3+5", "3+77").replace("dataset.name: scans", "dataset.name: elsewhere"))
            said = service.run("experiment", "run", wrong, expect=2)
            self.assertIn("nothing was submitted", said)
            self.assertIn("77", said)
            self.assertIn("elsewhere", said)
            self.assertEqual(len(service.json("job", "ls", "--limit", 100)["jobs"]), before)
            wrong.write_text(EXPERIMENT.replace("name: tiny", "name: tiny\nmetric: dicee"))
            self.assertIn("surface_distance_mm", service.run("experiment", "run", wrong, expect=2))

    def test_volumes_of_another_contract_are_found_before_the_first_job(self):
        with amaes.Service(self.home) as service:
            service.run("dataset", "add", "scored", "--from", self.root / "scans", "--layout", "csv", "--spacing", "2", "--contract", "zscore",
                        "--held-out", "0.3", "--wait")
            before = len(service.json("job", "ls", "--limit", 100)["jobs"])
            other = self.root / "other.yaml"
            text = EXPERIMENT.replace("name: tiny", "name: other").replace("finetune:\n  set: {dataset: scans", "finetune:\n  set: {dataset: scored")
            other.write_text(text)
            said = service.run("experiment", "run", other, expect=2)
            self.assertIn("finetune/pretrained/1: volumes of scored were prepared under another contract than those of scans", said)
            self.assertNotIn("finetune/scratch", said)
            self.assertEqual(len(service.json("job", "ls", "--limit", 100)["jobs"]), before)
            allowed = text.replace(", init.freeze", ", init.any_contract: true, init.freeze")
            other.write_text(allowed.replace("dataset.name: scans", "dataset.name: elsewhere"))
            said = service.run("experiment", "run", other, expect=2)
            self.assertIn("elsewhere", said)
            self.assertNotIn("contract", said)


if __name__ == "__main__":
    unittest.main()
