"""kill -9 of worker, agent and coordinator at named phases. The job ends with weights bitwise equal to an undisturbed run's."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import service as amaes  # noqa: E402

PHASES = {"backward": 4, "all_reduce": 4, "checkpoint_write": 4, "commit": 4}  # phase → step at which it strikes


class KillTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="amaes-kill-")
        cls.template = amaes.make_home_with_dataset(cls.folder.name)
        cls.undisturbed = cls.run_job(None)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def run_job(cls, fault):
        home = amaes.copy_home(cls.template, cls.folder.name)
        with amaes.Service(home, fault=fault.format(home=home) if fault else None) as service:
            service.run("submit", "-f", amaes.write_spec(home), "--wait")
            step, digests = amaes.final_weights(service)
            job = service.json("job", "show", "run")
            events = [e["kind"] for e in service.json("job", "events", "run")["events"]]
            audit = service.json("job", "audit", "run")  # ends with 0 only if the run is proved
        return {"step": step, "digests": digests, "attempt": job["attempt"], "events": events, "audit": audit}

    def check(self, victim, kill, attempts):
        for phase, step in PHASES.items():
            with self.subTest(victim=victim, phase=phase):
                rank = "rank=1," if phase in ("backward", "all_reduce") and victim == "worker" else "rank=0,"
                if phase in ("checkpoint_write", "commit"):
                    rank = ""
                end = self.run_job(f"point={phase},step={step},attempt=1,{rank}kill={kill}")
                self.assertEqual(end["step"], 6)
                self.assertEqual(end["digests"], self.undisturbed["digests"])
                self.assertEqual(end["attempt"], attempts, end["events"])
                audit = end["audit"]
                self.assertTrue(audit["proved"], audit)
                self.assertEqual((int(audit["step"]), int(audit["samples"]), int(audit["not_in_checkpoint"])), (6, 24, 0))
                counted = [int(a["steps"]) for a in audit["attempts"] if int(a["steps"])]
                self.assertEqual(sum(counted), 6, audit)

    def test_worker_is_killed(self):
        self.check("worker", "self", 2)

    def test_agent_is_killed(self):
        self.check("agent", "parent", 2)

    def test_coordinator_is_killed_and_the_workers_lose_no_step(self):
        self.check("coordinator", "{home}/run/coordinator.pid", 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
