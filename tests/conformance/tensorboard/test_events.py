"""The real TensorBoard opens the event files of a job that was killed and went on: every step once, no event lost, pictures with it."""

import io
import pathlib
import sys
import tempfile

import pytest
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "e2e"))
import service as amaes  # noqa: E402
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer  # noqa: E402
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402
from tensorboard.data import provider  # noqa: E402
from tensorboard import context  # noqa: E402

STEPS = 6
TRAIN = ["loss_masked", "loss_visible", "masked_r2", "learning_rate", "samples_per_second"]
VALIDATION = ["loss_masked", "loss_visible", "masked_r2", "loss_visible_mean"]


@pytest.fixture(scope="module")
def home():
    """A job whose worker was killed in step 5, after the checkpoint of step 4: steps 3 and 5 may be run again."""
    with tempfile.TemporaryDirectory(prefix="amaes-tensorboard-") as folder:
        home = amaes.make_home_with_dataset(folder)
        with amaes.Service(home, fault="point=backward,step=5,attempt=1,rank=0,kill=self") as service:
            service.run("submit", "-f", amaes.write_spec(home), "--wait")
            assert service.json("job", "show", "run")["attempt"] == 2
        yield home  # the agent has ended: everything is written


def job_folder(home):
    (folder,) = (pathlib.Path(home) / "jobs").glob("job-*/tensorboard")
    return folder


def test_each_attempt_has_a_file_and_no_step_comes_twice(home):
    assert len(list(job_folder(home).iterdir())) == 2
    events = EventAccumulator(str(job_folder(home)), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    scalars = set(events.Tags()["scalars"])
    assert {f"train/{name}" for name in TRAIN} <= scalars
    for tag in scalars:
        steps = [e.step for e in events.Scalars(tag)]
        assert steps == sorted(set(steps)), (tag, steps)
    assert events.Scalars("train/loss_masked")[-1].step == STEPS
    for split in ("held_out", "train"):
        for name in VALIDATION:
            assert [e.step for e in events.Scalars(f"validation/{split}/{name}")] == [0, 3, 6]


def test_pictures_are_those_of_the_job(home):
    events = EventAccumulator(str(job_folder(home)), size_guidance={"images": 0})
    events.Reload()
    for split in ("held_out", "train"):
        images = events.Images(f"reconstruction/{split}")
        assert [e.step for e in images] == [0, 3, 6]
        for image in images:
            png = (job_folder(home).parent / "pictures" / f"{image.step:08d}-{split}.png").read_bytes()
            assert image.encoded_image_string == png
            assert Image.open(io.BytesIO(png)).size == (image.width, image.height) == (1240, 1024)


def test_numbers_are_those_of_the_service(home):
    events = EventAccumulator(str(job_folder(home)), size_guidance={"scalars": 0})
    events.Reload()
    with amaes.Service(home) as service:
        training = service.json("job", "show", "run")["training"]
    for validation in training["validations"]:
        for name in VALIDATION:
            tag = f"validation/{validation['split']}/{name}"
            (value,) = [e.value for e in events.Scalars(tag) if e.step == int(validation.get("step", 0))]
            assert value == pytest.approx(validation["metrics"][name], rel=1e-6)
    assert events.Scalars("train/loss_masked")[-1].value == pytest.approx(training["metrics"]["loss_masked"], rel=1e-6)


def test_the_dashboards_show_it_with_the_folder_of_all_jobs(home):
    """What `tensorboard --logdir HOME/jobs` answers its scalar and image dashboards."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(pathlib.Path(home) / "jobs"))
    multiplexer.Reload()
    shown = data_provider.MultiplexerDataProvider(multiplexer, str(home))
    request = context.RequestContext()
    (run,) = shown.list_runs(request, experiment_id="")
    assert run.run_name.endswith("/tensorboard")
    scalars = shown.list_scalars(request, experiment_id="", plugin_name="scalars")
    assert "train/masked_r2" in scalars[run.run_name]
    points = shown.read_scalars(request, experiment_id="", plugin_name="scalars", downsample=1000,
                                run_tag_filter=provider.RunTagFilter(tags=["validation/held_out/masked_r2"]))
    assert [p.step for p in points[run.run_name]["validation/held_out/masked_r2"]] == [0, 3, 6]
