"""docs/tutorial.md as a reader types it, on real scans, with fewer steps."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import page  # noqa: E402
import service as amaes  # noqa: E402

TUTORIAL = pathlib.Path(__file__).parents[2] / "docs" / "tutorial.md"
# All that is changed: how long it takes.
FEWER = {r"schedule\.steps=\d+": "schedule.steps=10", r"epoch_steps=\d+": "epoch_steps=5", r"every_steps=\d+": "every_steps=10"}


def commands():
    """The blocks of the page; where its programs and its scans lie is this test's, and the service runs already."""
    blocks = re.findall(r"```\n(.*?)```", TUTORIAL.read_text(), re.S)
    (up,) = [block for block in blocks if "amaes up" in block]
    blocks.remove(up)
    text = "\n".join(blocks)
    for export in ("PATH", "AMAES_HOME", "DATA"):
        text, found = re.subn(rf"export {export}=.*", "", text)
        assert found == 1, export
    for pattern, value in FEWER.items():
        text, found = re.subn(pattern, value, text)
        assert found, pattern
    return text


class TutorialTest(unittest.TestCase):
    def test_every_command_ends_well(self):
        with tempfile.TemporaryDirectory(prefix="amaes-tutorial-") as folder, amaes.Service(pathlib.Path(folder) / "home") as service:
            environment = dict(os.environ, PATH=f"{amaes.BUILD / 'bin'}:{os.environ['PATH']}", AMAES_HOME=str(service.home),
                               DATA=os.environ["AMAES_TEST_DATA"])
            done = subprocess.run(["bash", "-e", "-u", "-o", "pipefail", "-x", "-c", commands()], cwd=folder, env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
            self.assertEqual(done.returncode, 0, done.stdout + amaes.logs(service.home))
            jobs = {name: service.json("job", "show", name) for name in ("first", "tuned", "control", "tuned-test", "control-test")}
            self.assertEqual({job["state"] for job in jobs.values()}, {"JOB_STATE_SUCCEEDED"})
            self.assertTrue(jobs["tuned"]["initialisation"])
            self.assertFalse(jobs["control"]["initialisation"])
            self.assertGreater(page.check((pathlib.Path(folder) / "report.html").read_text()), 1)


if __name__ == "__main__":
    unittest.main()
