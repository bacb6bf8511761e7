"""From pretraining to finetuning on labelled phantoms: what is taken over, that Dice rises, a kill in between, and what is refused."""

import hashlib
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import service as amaes  # noqa: E402
from service import checkpoint_at, floats, tensors  # noqa: E402

PRETRAIN = {**amaes.SPEC, "name": "pre", "dataset": {"name": "labelled"}, "schedule": {"steps": 3, "warmup_steps": 1}}
FINETUNE = {
    **amaes.SPEC, "kind": "finetune", "name": "fine",
    "dataset": {"name": "labelled", "channels": "FLAIR,T1w"},
    "labels": {"classes": "csf=2,grey=3+5,white=4,lesion=6", "background": "1"},
    "schedule": {"steps": 24, "epoch_steps": 4}, "optimizer": {"learning_rate": 5e-3},
    "init": {"from": "job:pre", "freeze_encoder_steps": 4},
    "checkpoint": {"every_steps": 4, "keep": 10}, "validation": {"every_steps": 12, "crops": 1},
}
# Fourteen training volumes, four a step: a pass is three steps, with a probe after each.
PROBED = {
    **amaes.SPEC, "name": "probed", "dataset": {"name": "labelled"}, "schedule": {"steps": 6, "warmup_steps": 1},
    "checkpoint": {"every_steps": 100, "keep": 1, "best_metric": "probe_dice"}, "validation": {"every_steps": 0},
    "probe": {"every_passes": 1, "dataset": "labelled", "channels": "FLAIR,T1w", "classes": FINETUNE["labels"]["classes"], "background": "1",
              "train_cases": 3, "steps": 8, "learning_rate": 5e-3, "crops": 1},
}


def dice_of(home, job_id):
    lines = [json.loads(line) for line in (pathlib.Path(home) / "jobs" / job_id / "metrics.jsonl").read_text().splitlines()]
    return [line["dice"] for line in lines if line.get("split") == "held_out"]


class FinetuneTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="amaes-finetune-")
        cls.template, _ = amaes.make_labelled_home(cls.folder.name)
        with amaes.Service(cls.template) as service:
            service.run("submit", "-f", cls.write("pre.json", PRETRAIN), "--wait")
            cls.pretrained = service.json("job", "show", "pre")["id"]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def write(cls, name, spec):
        path = pathlib.Path(cls.folder.name) / name
        path.write_text(json.dumps(spec))
        return path

    def home(self):
        return amaes.copy_home(self.template, self.folder.name)

    def finetune(self, home, fault=None, *settings):
        with amaes.Service(home, fault=fault) as service:
            service.run("submit", "-f", self.write("fine.json", FINETUNE), *settings, "--wait")
            step, digests = amaes.final_weights(service, "fine")
            audit = service.json("job", "audit", "fine")
            return {"id": service.json("job", "show", "fine")["id"], "step": step, "digests": digests, "audit": audit,
                    "attempt": service.json("job", "show", "fine")["attempt"], "shown": service.run("job", "show", "fine"),
                    "shards": service.json("job", "shards", "fine"), "spec": service.json("job", "show", "fine")["spec"]}

    def test_the_encoder_is_taken_over_dice_rises_and_a_kill_changes_nothing(self):
        home = self.home()
        end = self.finetune(home)
        self.assertEqual(end["step"], 24)
        self.assertTrue(end["audit"]["proved"], end["audit"])
        self.assertEqual(int(end["shards"]["trainingVolumes"] if "trainingVolumes" in end["shards"] else end["shards"]["training_volumes"]),
                         int(end["audit"].get("passLength", end["audit"].get("pass_length"))))

        # Frozen until step 4: the encoder still is the pretrained one, its stem over two channels.
        before = tensors(checkpoint_at(home, self.pretrained, 3))
        frozen, free = tensors(checkpoint_at(home, end["id"], 4)), tensors(checkpoint_at(home, end["id"], 8))
        encoder = [name for name in before if name.startswith("encoder.")]
        self.assertEqual(len(encoder), 40)
        for name in encoder:
            shape, raw = before[name]
            if frozen[name][0] == shape:
                self.assertEqual(frozen[name][1], raw, name)
            else:
                self.assertEqual((shape[1], frozen[name][0][1]), (1, 2), name)
                halves = [v / 2 for v in floats(raw)]
                taken = floats(frozen[name][1])
                for i in range(0, len(halves), 27):
                    self.assertEqual(list(taken[2 * i:2 * i + 54]), halves[i:i + 27] * 2)
        self.assertNotEqual([free[name] for name in encoder], [frozen[name] for name in encoder])
        self.assertEqual(frozen["pred_head.out_conv.weight"][0][0], 5)
        self.assertIn("40 tensors", end["shown"])
        self.assertIn("over 2 channels", end["shown"])
        manifest = json.loads((checkpoint_at(home, end["id"], 8).parent / "manifest.json").read_text())
        self.assertTrue(manifest["initialised_from"].startswith("job:pre "), manifest["initialised_from"])

        dice = dice_of(home, end["id"])
        self.assertEqual(len(dice), 3)
        self.assertGreater(dice[-1], dice[0] + 0.02, dice)

        killed = self.finetune(self.home(), "point=backward,step=10,attempt=1,rank=1,kill=self")
        self.assertEqual(killed["attempt"], 2)
        self.assertEqual(killed["digests"], end["digests"])
        self.assertTrue(killed["audit"]["proved"], killed["audit"])

    def probed(self, spec, fault=None):
        """A pretraining: its end, and the Dice of each of its probes by step."""
        home = self.home()
        with amaes.Service(home, fault=fault) as service:
            service.run("submit", "-f", self.write("probed.json", spec), "--wait")
            job = service.json("job", "show", "probed")
            step, digests = amaes.final_weights(service, "probed")
            end = {"home": home, "step": step, "digests": digests, "attempt": job["attempt"], "shown": service.run("job", "show", "probed")}
            lines = [json.loads(line) for line in (pathlib.Path(home) / "jobs" / job["id"] / "metrics.jsonl").read_text().splitlines()]
            end["dice"] = {line["step"]: line["dice"] for line in lines if line.get("split") == "probe"}
            if end["dice"]:
                self.assertEqual([int(v["step"]) for v in job["training"]["validations"] if v["split"] == "probe"], sorted(end["dice"]))
                pulled = home / "best"
                service.run("ckpt", "pull", "probed", "--best", "--to", pulled)
                end["best"] = json.loads((pulled / "manifest.json").read_text())["step"]
            self.assertTrue(service.json("job", "audit", "probed")["proved"])
            return end

    def test_a_probe_says_which_pretrained_encoder_is_the_best(self):
        end = self.probed(PROBED)
        self.assertEqual(end["step"], 6)
        self.assertEqual(sorted(end["dice"]), [3, 6])
        self.assertGreater(min(end["dice"].values()), 0)
        self.assertEqual(end["best"], max(end["dice"], key=end["dice"].get))
        self.assertIn("probe    step 6: dice", end["shown"])

        alone = self.probed({key: value for key, value in PROBED.items() if key != "probe"} | {"checkpoint": {"every_steps": 100}})
        self.assertEqual(alone["dice"], {})
        self.assertEqual(alone["digests"], end["digests"], "a probe changes nothing of the pretraining")

        killed = self.probed(PROBED, "point=probe,step=6,attempt=1,rank=1,kill=self")
        self.assertEqual(killed["attempt"], 2)
        for key in ("digests", "dice", "best"):
            self.assertEqual(killed[key], end[key], key)

    def test_a_probe_that_cannot_work_is_refused_before_a_slot_is_taken(self):
        with amaes.Service(self.home()) as service:
            def refused(*settings, expect=2):
                return service.run("submit", "-f", self.write("probed.json", PROBED), *settings, expect=expect)

            dry = refused("--dry-run", expect=0)
            self.assertIn("probe on labelled@1: 3 training cases, 2 for validation", dry)
            text = refused("--set", "probe.classes=white=4")
            self.assertIn("probe.classes", text)
            self.assertIn("declare them in probe.classes", text)
            self.assertIn("probe.train_cases: 99 are asked for", refused("--set", "probe.train_cases=99"))
            self.assertIn("case has no T2w", refused("--set", "probe.channels=FLAIR,T2w").replace("cases have", "case has"))
            self.assertIn("no dataset 'none'", refused("--set", "probe.dataset=none"))
            self.assertIn("no dataset 'labelled@9'", refused("--set", "probe.version=9"))
            self.assertIn("1 is less than workers 2", refused("--set", "probe.global_batch=1"))
            self.assertIn("set probe.every_passes", refused("--set", "probe.every_passes=0"))
            self.assertNotIn("probed", [job["spec"]["name"] for job in service.json("job", "ls").get("jobs", [])])

            pair = pathlib.Path(self.folder.name) / "pair"
            pair.mkdir()
            rows = (pathlib.Path(self.folder.name) / "scans" / "scans.csv").read_text().splitlines()[:5]
            for name in {cell for row in rows[1:] for cell in row.split(",") if cell.endswith(".gz")}:
                (pair / name).hardlink_to(pathlib.Path(self.folder.name) / "scans" / name)
            (pair / "scans.csv").write_text("\n".join(rows) + "\n")
            service.run("dataset", "add", "pair", "--from", pair, "--layout", "csv", "--spacing", "native", "--held-out", "0.5", "--wait")
            self.assertIn("pair@1 has one labelled subject that is not held out",
                          refused("--set", "probe.dataset=pair", "--set", "probe.train_cases=1"))

            # It waits for a GPU that is not there; what its probes will read stays.
            service.run("submit", "-f", self.write("probed.json", PROBED), "--set", "dataset.name=pair", "--set", "device=gpu")
            self.assertIn("is being used by", service.run("dataset", "rm", "labelled@1", expect=8))
            service.run("job", "cancel", "probed")

    def test_the_average_is_taken_where_there_is_one(self):
        home = self.home()
        spec = {**PRETRAIN, "name": "averaged", "ema": {"decay": 0.9}}
        with amaes.Service(home) as service:
            service.run("submit", "-f", self.write("averaged.json", spec))
            late = ["--set", "schedule.steps=5", "--set", "validation.every_steps=0", "--set", "name=late", "--set", "after=averaged"]
            service.run("submit", "-f", self.write("fine.json", FINETUNE), "--set", "init.from=job:averaged", *late, "--wait")
            taken = {"late": service.json("job", "show", "late")}
            for weights in ("auto", "trained"):
                service.run("submit", "-f", self.write("fine.json", FINETUNE), "--set", "init.from=job:averaged", *late[:4],
                            "--set", f"name={weights}", "--set", f"init.weights={weights}", "--wait")
                taken[weights] = service.json("job", "show", weights)
            folder = checkpoint_at(home, service.json("job", "show", "averaged")["id"], 3).parent
        for name, file in (("late", "ema"), ("auto", "ema"), ("trained", "model")):
            source, end = tensors(folder / f"{file}.safetensors"), checkpoint_at(home, taken[name]["id"], 4)
            inner = "encoder.in_conv.conv2.conv.weight"  # the stem is spread over two channels
            self.assertEqual(tensors(end)[inner], source[inner], name)
            digest = hashlib.sha256((folder / f"{file}.safetensors").read_bytes()).hexdigest()
            manifest = json.loads((end.parent / "manifest.json").read_text())
            self.assertIn(digest, manifest["initialised_from"])
            self.assertEqual("(moving average)" in manifest["initialised_from"], file == "ema")
            if name != "late":
                self.assertTrue(taken[name]["spec"]["finetune"]["init"]["path"].endswith(f"{file}.safetensors"), taken[name]["spec"]["finetune"]["init"])
        self.assertNotEqual(tensors(folder / "ema.safetensors")[inner], tensors(folder / "model.safetensors")[inner])

    def test_an_encoder_reads_volumes_that_were_prepared_alike(self):
        home = self.home()
        with amaes.Service(home) as service:
            scans = pathlib.Path(self.folder.name) / "scans" / "scans.csv"
            service.run("dataset", "add", "scored", "--from", scans, "--layout", "csv", "--spacing", "native", "--contract", "zscore", "--wait")
            other = ["--set", "dataset.name=scored", "--dry-run"]
            folder = checkpoint_at(home, self.pretrained, 3).parent

            def submit(name, *settings, expect=2):
                return service.run("submit", "-f", self.write("other.json", {"fine": FINETUNE, "probed": PROBED}[name]), *other, *settings, expect=expect)

            difference = "was trained on volumes of contract amaes at native spacing, the dataset's are of zscore at native spacing"
            for source in ("job:pre", folder):
                self.assertIn(difference, submit("fine", "--set", f"init.from={source}"))
            self.assertIn(difference, submit("fine", "--set", "init.allow_mismatch=true"))
            self.assertIn(f"{difference}, which is allowed", submit("fine", "--set", "init.any_contract=true", expect=0))
            # A bare file does not say; what the job expects is said by the job.
            file = ["--set", f"init.from={folder / 'model.safetensors'}"]
            submit("fine", *file, expect=0)
            submit("fine", *file, "--set", "dataset.contract=zscore", expect=0)
            self.assertIn("volumes of contract amaes are expected, those of scored@1", submit("fine", *file, "--set", "dataset.contract=amaes"))
            # A probe reads what the pretraining reads.
            self.assertIn("probe.dataset", text := submit("probed"))
            self.assertIn("the encoder was trained on volumes of contract zscore", text)

            # Of a job that is still to come.
            service.run("submit", "-f", self.write("late.json", PRETRAIN), "--set", "name=late", "--set", "device=gpu")
            self.assertIn(difference, submit("fine", "--set", "init.from=job:late", "--set", "after=late"))
            service.run("job", "cancel", "late")

    def test_the_preset_runs_on_a_cpu(self):
        """In bf16, with as many samples at once as fit; a patch for which the CPU needs fp32 is refused with what to do."""
        home = self.home()
        with amaes.Service(home) as service:
            small = ["--preset", "finetune", "--dataset", "labelled", "--set", "dataset.channels=FLAIR,T1w", "--set", "network=unet",
                     "--set", "network.filters=4", "--set", "init.from=job:pre", "--set", "schedule.steps=2", "--set", "global_batch=2"]
            self.assertIn("bf16 on the CPU needs a patch of at least 64, not 32: take fp32", service.run("submit", *small, "--set", "patch=32", expect=2))
            self.assertIn("SUCCEEDED", service.run("submit", *small, "--name", "preset", "--set", "patch=64", "--wait"))
            spec = service.json("job", "show", "preset")["spec"]["finetune"]
            self.assertEqual((spec["precision"], int(spec["micro_batch"])), ("bf16", 0))
            self.assertTrue((pathlib.Path(home) / "jobs" / service.json("job", "show", "preset")["id"] / "micro_batch.json").exists())

    def test_from_scratch_is_one_switch(self):
        home = self.home()
        end = self.finetune(home, None, "--set", "init.scratch=true", "--set", "schedule.steps=4")
        before, after = tensors(checkpoint_at(home, self.pretrained, 3)), tensors(checkpoint_at(home, end["id"], 4))
        self.assertNotEqual(before["encoder.in_conv.conv2.conv.weight"], after["encoder.in_conv.conv2.conv.weight"])
        self.assertNotIn("initialised", end["shown"])
        self.assertEqual(int(end["spec"]["finetune"]["init"].get("freeze_encoder_steps", 0)), 0)
        with amaes.Service(home) as service:
            said = service.run("submit", "-f", self.write("fine.json", FINETUNE), "--set", "init.scratch=true", "--dry-run")
        self.assertIn("from scratch: init.freeze_encoder_steps 4 counts as 0", said)

    def test_what_cannot_work_is_refused_before_a_slot_is_taken(self):
        home = self.home()
        with amaes.Service(home) as service:
            def refused(*settings):
                return service.run("submit", "-f", self.write("fine.json", FINETUNE), *settings, expect=2)

            self.assertIn("is of network unet with 4 filters; this job's is unet with 8", refused("--set", "network.filters=8"))
            self.assertIn("no checkpoint of step 77; the newest are of steps 2, 3", refused("--set", "init.from=job:pre@77"))
            self.assertIn('no job is called "none"', refused("--set", "init.from=job:none"))
            self.assertIn("there is no file /none.safetensors", refused("--set", "init.from=/none.safetensors"))
            average = refused("--set", "init.weights=average")
            self.assertIn("init.weights", average)
            self.assertIn("there is no moving average", average)
            model = checkpoint_at(home, self.pretrained, 3)
            self.assertIn("is one file of weights", refused("--set", f"init.from={model}", "--set", "init.weights=average"))
            text = refused("--set", "labels.classes=white=4")
            self.assertIn("label values outside the declared classes white=4: case ", text)
            self.assertIn("6 (", text)
            self.assertIn("case has no T2w", refused("--set", "dataset.channels=FLAIR,T2w").replace("cases have", "case has"))
            self.assertIn("99 are asked for", refused("--set", "dataset.train_cases=99"))
            self.assertIn("patch", refused("--set", "patch=40"))
            self.assertIn("24 of 24 steps: the encoder would never train", refused("--set", "init.freeze_encoder_steps=24"))
            dry = service.run("submit", "-f", self.write("fine.json", FINETUNE), "--set", "dataset.train_cases=2", "--dry-run")
            self.assertIn("2 training cases", dry)
            self.assertNotIn("fine", [job["spec"]["name"] for job in service.json("job", "ls")["jobs"]])


if __name__ == "__main__":
    unittest.main(verbosity=2)
