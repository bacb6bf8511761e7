"""The service as a user meets it: submit, watch, shards, logs, pull, cancel, refusals, damage."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import service as amaes  # noqa: E402


class ServiceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="amaes-e2e-")
        cls.template = amaes.make_home_with_dataset(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def home(self):
        return amaes.copy_home(self.template, self.folder.name)

    def test_a_job_from_submit_to_pull(self):
        home = self.home()
        with amaes.Service(home) as service:
            out = service.run("submit", "-f", amaes.write_spec(home), "--request-id", "once", "--wait")
            self.assertIn("SUCCEEDED", out)
            again = service.json("submit", "-f", amaes.write_spec(home), "--request-id", "once")
            self.assertTrue(again["replayed"])
            job = service.json("job", "show", "run")
            self.assertEqual(job["training"]["step"], "6")
            splits = {v["split"] for v in job["training"]["validations"]}
            self.assertEqual(splits, {"held_out", "train"})
            plan = service.json("job", "shards", "run")
            self.assertEqual([(s["first_lane"], s["last_lane"]) for s in plan["shards"]], [("0", "2"), ("2", "4")])
            self.assertEqual(sum(int(s["volumes"]) for s in plan["shards"]), int(plan["training_volumes"]))
            self.assertIn("[1/0]", service.run("job", "logs", "run", "--rank", "0"))
            pulled = home / "pulled"
            service.run("ckpt", "pull", "run", "--to", pulled)
            self.assertGreater((pulled / "model.safetensors").stat().st_size, 0)
            self.assertTrue((pathlib.Path(job["folder"]) / "pictures" / "run.png").read_bytes().startswith(b"\x89PNG"))
            self.assertIn("ready", service.run("node", "ls"))
            http = json.loads((home / "run" / "coordinator.json").read_text())["http"]
            metrics = urllib.request.urlopen(f"http://{http}/metrics", timeout=30).read().decode()
            self.assertIn('amaes_jobs{state="SUCCEEDED"} 2', metrics)
            page = urllib.request.urlopen(f"http://{http}/", timeout=30).read().decode()
            self.assertIn(job["id"], page)

    def test_a_wrong_spec_lists_all_its_problems_at_once(self):
        home = self.home()
        with amaes.Service(home) as service:
            spec = amaes.write_spec(home, patch=30, learning_rat=1, global_batch=1, mask={"ratio": 1.5}, precision="fp8")
            out = service.run("submit", "-f", spec, expect=2)
            for field in ("patch", "learning_rat", "workers", "mask.ratio", "precision"):
                self.assertIn(field, out)
            self.assertEqual(len(service.json("job", "ls", "--filter", "kind=pretrain")["jobs"]), 0)

    def test_a_selection_is_trained_on_and_proved_until_a_ledger_lies(self):
        home = self.home()
        with amaes.Service(home) as service:
            spec = amaes.write_spec(home, dataset={"name": "scans", "filter": "modality=nothing", "repeats": "modality=T1w:0"})
            out = service.run("submit", "-f", spec, expect=2)
            self.assertIn("dataset.repeats", out)
            spec = amaes.write_spec(home, dataset={"name": "scans", "filter": "modality=nothing"})
            self.assertIn("modality=nothing removes", service.run("submit", "-f", spec, expect=2))
            spec = amaes.write_spec(home, dataset={"name": "scans", "filter": "modality=T1w", "repeats": "modality=T1w:2"},
                                    loader={"cache_mib": 1})
            service.run("submit", "-f", spec, "--wait")
            job = service.json("job", "show", "run")
            self.assertEqual(len(job["spec"]["pretrain"]["dataset"]["selection"]), 64)
            plan = service.json("job", "shards", "run")
            self.assertEqual(int(plan["pass_length"]), 2 * int(plan["training_volumes"]))
            self.assertEqual(sum(int(s["volumes"]) for s in plan["shards"]), int(plan["pass_length"]))
            self.assertIn("PROVED: the 6 steps up to checkpoint 00000006-001", service.run("job", "audit", "run"))
            ledger = pathlib.Path(job["folder"]) / "ledger" / "1-1.ledger"
            content = bytearray(ledger.read_bytes())
            content[16 + 24 * 3] ^= 1  # the position in its fourth record
            ledger.write_bytes(content)
            out = service.run("job", "audit", "run", expect=7)
            self.assertIn("NOT PROVED", out)
            self.assertIn("damaged", out)
            ledger.unlink()
            self.assertIn("1-1.ledger is missing", service.run("job", "audit", "run", expect=7))

    def test_an_unknown_dataset_and_an_unknown_job_are_not_found(self):
        home = self.home()
        with amaes.Service(home) as service:
            self.assertIn("nowhere", service.run("submit", "-f", amaes.write_spec(home, dataset={"name": "nowhere"}), expect=3))
            service.run("job", "show", "job-that-never-was", expect=3)
        self.assertIn("hint", amaes.run(home, "--coordinator", "127.0.0.1:1", "job", "ls", expect=6))  # nobody listens there

    def test_cancel_keeps_a_checkpoint_and_frees_the_slots(self):
        home = self.home()
        with amaes.Service(home) as service:
            spec = amaes.write_spec(home, schedule={"steps": 100000, "warmup_steps": 1}, validation={"every_steps": 0, "crops": 2})
            service.run("submit", "-f", spec)
            watch = subprocess.Popen([amaes.AMAES, "--home", home, "job", "watch", "run"], stdout=subprocess.PIPE, text=True)
            amaes.wait_for_line(watch, "RUNNING")
            service.run("job", "cancel", "run", "--wait")
            self.assertEqual(watch.wait(amaes.DEADLINE), 5)
            watch.stdout.close()
            self.assertEqual(service.json("job", "show", "run")["state"], "JOB_STATE_CANCELLED")
            self.assertGreater(len(service.json("ckpt", "ls", "run")["checkpoints"]), 0)
            self.assertNotIn("rank", service.run("node", "ls"))

    def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_used(self):
        home = self.home()
        # Coordinator and agent by themselves, so that the agent stays away until the checkpoint is damaged.
        coordinator = self.daemon(home, "coordinator", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
        try:
            self.wait_until_serving(home, coordinator.pid)
            spec = amaes.write_spec(home, schedule={"steps": 12, "warmup_steps": 1}, validation={"every_steps": 0, "crops": 2})
            amaes.run(home, "submit", "-f", spec)
            agent = self.daemon(home, "agent", "--slots", "2", AMAES_FAULT="point=backward,step=9,attempt=1,rank=0,kill=parent")
            self.assertEqual(agent.wait(amaes.DEADLINE), -9)
            job = json.loads(amaes.run(home, "job", "show", "run", "--output", "json"))
            committed = sorted((pathlib.Path(job["folder"]) / "checkpoints").glob("*/COMMITTED"))
            newest, before = committed[-1].parent, committed[-2].parent
            model = bytearray((newest / "model.safetensors").read_bytes())
            model[len(model) // 2] ^= 1
            (newest / "model.safetensors").write_bytes(model)
            agent = self.daemon(home, "agent", "--slots", "2")
            try:
                self.assertIn("SUCCEEDED", amaes.run(home, "job", "watch", "run"))
                listed = json.loads(amaes.run(home, "ckpt", "ls", "run", "--all", "--output", "json"))["checkpoints"]
                states = {c["name"]: c["state"] for c in listed}
                self.assertEqual(states.get(newest.name, "CHECKPOINT_STATE_CORRUPT"), "CHECKPOINT_STATE_CORRUPT")
                parents = {c["name"]: c["parent"] for c in listed}
                self.assertEqual(parents["00000012-002"], before.name)
                events = amaes.run(home, "job", "events", "run")
                self.assertIn("CHECKPOINT_REJECTED", events)
                self.assertIn(newest.name, events)
            finally:
                agent.terminate()
                agent.wait(amaes.DEADLINE)
        finally:
            coordinator.terminate()
            coordinator.wait(amaes.DEADLINE)

    def test_a_second_service_in_the_same_home_is_refused(self):
        home = self.home()
        with amaes.Service(home) as service:
            out = amaes.run(home, "up", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", expect=8)
            self.assertIn("the coordinator did not start", out)
            self.assertIn("ready", service.run("node", "ls"))

    def test_run_without_a_service_goes_on_in_its_folder(self):
        out = pathlib.Path(self.folder.name) / "single-run"
        spec = amaes.write_spec(self.folder.name)
        arguments = ["run", "-f", spec, "--data", pathlib.Path(self.folder.name) / "scans", "--dir", out]
        self.assertIn("SUCCEEDED", amaes.run(out, *arguments))
        self.assertIn("going on", amaes.run(out, *arguments))

    def test_run_prepares_scans_under_the_contract_that_the_job_wants(self):
        out = pathlib.Path(self.folder.name) / "run-zscore"
        dataset = {"name": "scans", "contract": "zscore"}
        spec = amaes.write_spec(self.folder.name, dataset=dataset, augment={"preset": "none"})
        self.assertIn("SUCCEEDED", amaes.run(out, "run", "-f", spec, "--data", pathlib.Path(self.folder.name) / "scans", "--dir", out))

    def test_run_refuses_a_job_that_needs_more_gpus_than_there_are(self):
        spec = amaes.write_spec(self.folder.name, device="gpu", workers=1000, global_batch=1000)
        out = amaes.run(self.folder.name, "run", "-f", spec, "--dir", pathlib.Path(self.folder.name) / "no-gpus", expect=8)
        self.assertIn("1000 GPUs, this machine has", out)

    def test_the_service_links_no_libtorch_and_the_worker_no_grpc(self):
        for program, forbidden in (("amaes", ("libtorch", "libc10")), ("amaes-worker", ("libgrpc",))):
            linked = subprocess.run(["ldd", amaes.BUILD / "bin" / program], capture_output=True, text=True, check=True).stdout
            self.assertIn("libc.so", linked)
            for name in forbidden:
                self.assertNotIn(name, linked, program)  # whole names: an address may hold the letters c10

    def daemon(self, home, name, *arguments, **environment):
        with open(home / "run" / f"{name}.log", "a") as log:
            return subprocess.Popen([amaes.AMAES, name, "--home", home, *arguments], env={**os.environ, **environment}, stderr=log)

    def wait_until_serving(self, home, pid):
        """`node ls` retries while the coordinator comes up; the file names it once it serves."""
        probe = subprocess.run(["timeout", str(amaes.DEADLINE), "sh", "-c",
                                f"until grep -qs '{pid}' '{home}/run/coordinator.json'; do :; done"], check=False)
        self.assertEqual(probe.returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
