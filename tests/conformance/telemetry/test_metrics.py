"""promtool of Prometheus reads and lints the coordinator's real /metrics, while a job trains and after it."""

import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "e2e"))
import service as amaes  # noqa: E402


@pytest.fixture(scope="module")
def scrapes():
    """/metrics with a live job, taken when its third step was reported, and after its end."""
    with tempfile.TemporaryDirectory(prefix="amaes-metrics-") as folder:
        home = amaes.make_home_with_dataset(folder)
        with amaes.Service(home) as service:
            http = json.loads((home / "run" / "coordinator.json").read_text())["http"]
            scrape = lambda: urllib.request.urlopen(f"http://{http}/metrics", timeout=30).read().decode()  # noqa: E731
            service.run("submit", "-f", amaes.write_spec(home, schedule={"steps": 2000, "warmup_steps": 1}))
            amaes.wait_for_step(service, 3)
            live = scrape()
            service.run("job", "cancel", "--wait", "run")
            yield {"live": live, "after": scrape()}


@pytest.mark.parametrize("when", ["live", "after"])
def test_promtool_accepts_it(scrapes, when):
    done = subprocess.run(["promtool", "check", "metrics"], input=scrapes[when], text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout + done.stderr == ""


def test_a_live_job_has_its_series_and_an_ended_one_none(scrapes):
    for name in ("step", "loss_masked", "masked_r2", "gradient_norm", "updates_left_out", "samples_per_second"):
        assert f"\namaes_job_{name}{{" in scrapes["live"], name
        assert f"\namaes_job_{name}{{" not in scrapes["after"], name
    assert "\namaes_jobs_submitted_total 1" in scrapes["after"]
