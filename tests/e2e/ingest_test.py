"""Adding scans through the real programs: kill -9 and resume, several slots, growth, cancel, dry run."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import service as amaes  # noqa: E402

SUBJECTS = 4
CONTRASTS = 3

class IngestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="amaes-ingest-")
        cls.scans = pathlib.Path(cls.folder.name) / "scans"
        amaes.run(cls.new_home(), "phantom", "--to", cls.scans, "--subjects", SUBJECTS)
        with amaes.Service(cls.new_home()) as service:
            cls.undisturbed = cls.add(service)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def new_home(cls):
        return pathlib.Path(tempfile.mkdtemp(dir=cls.folder.name)) / "home"

    @classmethod
    def add(cls, service, *arguments, scans=None, name="scans"):
        """The job and the version it made."""
        job = service.json("dataset", "add", name, "--from", scans or cls.scans, "--wait", *arguments)
        return {"job": job, "version": service.json("dataset", "show", name)}

    def same_as_undisturbed(self, made):
        self.assertEqual(made["version"]["digest"], self.undisturbed["version"]["digest"])
        self.assertEqual(int(made["version"]["volumes"]), SUBJECTS * CONTRASTS)

    def readers_started(self, home, attempt):
        """How many files the workers of an attempt found finished, from their logs."""
        text = "".join(log.read_text() for log in pathlib.Path(home).glob(f"jobs/*/logs/{attempt:03d}-*.log"))
        found = re.search(r"goes on finished=(\d+) left=(\d+)", text)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def test_killed_in_the_middle_it_goes_on_to_the_same_digest(self):
        done = 5
        for victim, kill in (("worker", "self"), ("agent", "parent"), ("coordinator", "{home}/run/coordinator.pid")):
            with self.subTest(victim=victim):
                home = self.new_home()
                fault = f"point=ingest_file,step={done},attempt=1,kill=" + kill.format(home=home)
                with amaes.Service(home, fault=fault) as service:
                    made = self.add(service)
                    self.same_as_undisturbed(made)
                    attempt = 1 if victim == "coordinator" else 2
                    self.assertEqual(made["job"]["attempt"], attempt)
                    if attempt == 2:
                        finished, left = self.readers_started(home, 2)
                        self.assertEqual(finished + left, SUBJECTS * CONTRASTS)
                        self.assertGreaterEqual(finished, done)
                self.assertEqual(list(home.glob("datasets/scans/.*")), [])

    def test_two_slots_make_the_version_of_one(self):
        home = self.new_home()
        with amaes.Service(home, slots=1) as service:
            # A second agent: the two ranks lie on two nodes.
            agent = subprocess.Popen([amaes.AMAES, "--home", home, "agent", "--node", "second", "--slots", "1"],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                made = self.add(service, "--workers", "2")
                self.same_as_undisturbed(made)
                self.assertEqual(int(made["job"]["ingest"]["done"]), SUBJECTS * CONTRASTS)
                self.assertEqual(len(list(home.glob("jobs/*/logs/001-*.log"))), 2)
                events = service.run("job", "events", made["job"]["id"])
                self.assertIn("second", events)
            finally:
                agent.terminate()
                agent.wait(amaes.DEADLINE)

    def test_a_rank_that_is_killed_does_not_cost_the_others_work(self):
        home = self.new_home()
        with amaes.Service(home, fault="point=ingest_file,step=4,rank=1,attempt=1,kill=self") as service:
            made = self.add(service, "--workers", "2")
            self.same_as_undisturbed(made)
            self.assertEqual(made["job"]["attempt"], 2)
            self.assertGreaterEqual(self.readers_started(home, 2)[0], 4)

    def test_growing_reads_only_what_is_new(self):
        home = self.new_home()
        scans = pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))
        names = sorted(path.name for path in self.scans.iterdir())
        for name in names[:9]:
            shutil.copy2(self.scans / name, scans / name)
        with amaes.Service(home) as service:
            first = self.add(service, scans=scans)
            for name in names[9:]:
                shutil.copy2(self.scans / name, scans / name)
            second = self.add(service, scans=scans)
            self.same_as_undisturbed(second)
            self.assertEqual(int(second["job"]["ingest"]["unchanged"]), 9)
            self.assertEqual(self.readers_started(home, 1), (9, len(names) - 9))
            self.assertEqual((first["version"]["version"], second["version"]["version"]), ("1", "2"))
            # The same again is nothing new; another contract needs another name.
            again = self.add(service, scans=scans)
            self.assertIn("nothing new", again["job"]["message"])
            self.assertEqual(again["version"]["version"], "2")
            out = service.run("dataset", "add", "scans", "--from", scans, "--spacing", "2", expect=8)
            self.assertIn("contract", out)

    def test_cancelled_it_leaves_what_is_finished(self):
        home = self.new_home()
        scans = pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))
        for copy in range(4):  # enough for a while
            for path in self.scans.iterdir():
                (scans / f"copy{copy}_{path.name}").symlink_to(path)
        with amaes.Service(home) as service:
            job = service.json("dataset", "add", "scans", "--from", scans, "--set", "processes=1")["job"]["id"]
            watch = subprocess.Popen([amaes.AMAES, "--home", home, "job", "watch", job], stdout=subprocess.PIPE, text=True)
            amaes.wait_for_line(watch, "voxels/s")
            service.run("job", "cancel", job, "--wait")
            self.assertEqual(watch.wait(amaes.DEADLINE), 5)
            watch.stdout.close()
            service.run("dataset", "show", "scans", expect=3)
            made = self.add(service, scans=scans)
            self.same_as_undisturbed(made)
            log = (home / "jobs" / made["job"]["id"] / "logs" / "001-000.log").read_text()
            self.assertGreaterEqual(int(re.search(r"goes on finished=(\d+)", log)[1]), 1)

    def test_pretraining_leaves_out_what_masks_say_is_anonymised(self):
        home = self.new_home()
        scans = home.parent / "scans"
        amaes.run(home, "phantom", "--to", scans, "--subjects", SUBJECTS, "--labels")
        labels = sorted(scans.glob("*_label.nii.gz"))
        rows = ["path,subject,modality,anonymisation_mask"]
        for number, label in enumerate(labels):  # stands for a mask: most of the head is not 0
            stem = label.name.removesuffix("_label.nii.gz")
            rows.append(f"{stem}_T1w.nii.gz,{stem},T1w,{label.name if number else ''}")
        (scans / "scans.csv").write_text("\n".join(rows) + "\n")
        first = {}
        with amaes.Service(home) as service:
            self.add(service, "--layout", "csv", scans=scans)
            for choice in ("exclude", "include"):
                spec = amaes.write_spec(home, name=choice, loss={"anonymised": choice})
                service.run("submit", "-f", spec, "--wait")
                folder = home / "jobs" / service.json("job", "show", choice)["id"]
                lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
                first[choice] = next(line for line in lines if line.get("split") == "train" and line["step"] == 0)
                self.assertTrue(service.json("job", "audit", choice)["proved"])
                log = "".join(path.read_text() for path in folder.glob("logs/001-*.log"))
                self.assertIn(f"anonymised voxels volumes={len(labels) - 1} of={len(labels)} loss.anonymised={choice}", log)
        for name in ("loss", "masked_r2", "loss_visible"):
            self.assertNotEqual(first["exclude"][name], first["include"][name])

    def test_a_dry_run_says_what_would_happen(self):
        out = json.loads(amaes.run(self.new_home(), "dataset", "add", "scans", "--from", self.scans, "--dry-run", "--output", "json"))
        self.assertEqual(out["scans"], SUBJECTS * CONTRASTS)
        self.assertEqual(out["counts"], {"FLAIR": SUBJECTS, "T1w": SUBJECTS, "T2w": SUBJECTS})
        self.assertGreater(out["disk_bytes"], int(self.undisturbed["version"]["stored_bytes"]))
        self.assertIn("layout", amaes.run(self.new_home(), "dataset", "add", "scans", "--from", self.scans, "--dry-run"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
