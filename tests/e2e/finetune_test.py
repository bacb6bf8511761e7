"""From pretraining to finetuning on labelled phantoms: what is taken over, that Dice rises, a kill in between, and what is refused."""

import json
import pathlib
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import service as amaes  # noqa: E402

PRETRAIN = {**amaes.SPEC, "name": "pre", "dataset": {"name": "labelled"}, "schedule": {"steps": 3, "warmup_steps": 1}}
FINETUNE = {
    **amaes.SPEC, "kind": "finetune", "name": "fine",
    "dataset": {"name": "labelled", "channels": "FLAIR,T1w"},
    "labels": {"classes": "csf=2,grey=3+5,white=4,lesion=6", "background": "1"},
    "schedule": {"steps": 24, "epoch_steps": 4}, "optimizer": {"learning_rate": 5e-3},
    "init": {"from": "job:pre", "freeze_encoder_steps": 4},
    "checkpoint": {"every_steps": 4, "keep": 10}, "validation": {"every_steps": 12, "crops": 1},
}


def tensors(path):
    """Name → (shape, bytes) of a safetensors file."""
    content = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length:]
    return {name: (t["shape"], data[t["data_offsets"][0]:t["data_offsets"][1]]) for name, t in header.items()}


def floats(raw):
    return struct.unpack(f"<{len(raw) // 4}f", raw)


def checkpoint_at(home, job_id, step):
    return next(pathlib.Path(home).glob(f"jobs/{job_id}/checkpoints/{step:08d}-*")) / "model.safetensors"


def dice_of(home, job_id):
    lines = [json.loads(line) for line in (pathlib.Path(home) / "jobs" / job_id / "metrics.jsonl").read_text().splitlines()]
    return [line["dice"] for line in lines if line.get("split") == "held_out"]


class FinetuneTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="amaes-finetune-")
        scans, cls.template = pathlib.Path(cls.folder.name) / "scans", pathlib.Path(cls.folder.name) / "home"
        amaes.run(cls.template, "phantom", "--to", scans, "--subjects", 8, "--labels")
        rows = ["path,subject,modality,label"]
        for label in sorted(scans.glob("*_label.nii.gz")):
            stem = label.name.removesuffix("_label.nii.gz")
            rows += [f"{stem}_{m}.nii.gz,{stem},{m},{label.name}" for m in ("FLAIR", "T1w")]
        (scans / "scans.csv").write_text("\n".join(rows) + "\n")
        with amaes.Service(cls.template) as service:
            service.run("dataset", "add", "labelled", "--from", scans, "--layout", "csv", "--spacing", "native", "--wait")
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
                    "shards": service.json("job", "shards", "fine")}

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

    def test_from_scratch_is_one_switch(self):
        home = self.home()
        end = self.finetune(home, None, "--set", "init.scratch=true", "--set", "init.freeze_encoder_steps=0", "--set", "schedule.steps=4")
        before, after = tensors(checkpoint_at(home, self.pretrained, 3)), tensors(checkpoint_at(home, end["id"], 4))
        self.assertNotEqual(before["encoder.in_conv.conv2.conv.weight"], after["encoder.in_conv.conv2.conv.weight"])
        self.assertNotIn("initialised", end["shown"])

    def test_what_cannot_work_is_refused_before_a_slot_is_taken(self):
        home = self.home()
        with amaes.Service(home) as service:
            def refused(*settings):
                return service.run("submit", "-f", self.write("fine.json", FINETUNE), *settings, expect=2)

            self.assertIn("is of network unet with 4 filters, this job's is unet with 8", refused("--set", "network.filters=8"))
            self.assertIn("no checkpoint of step 77; the newest are of steps 2, 3", refused("--set", "init.from=job:pre@77"))
            self.assertIn('no job is called "none"', refused("--set", "init.from=job:none"))
            self.assertIn("there is no file /none.safetensors", refused("--set", "init.from=/none.safetensors"))
            text = refused("--set", "labels.classes=white=4")
            self.assertIn("label values outside the declared classes white=4: case ", text)
            self.assertIn("6 (", text)
            self.assertIn("case has no T2w", refused("--set", "dataset.channels=FLAIR,T2w").replace("cases have", "case has"))
            self.assertIn("99 are asked for", refused("--set", "dataset.train_cases=99"))
            self.assertIn("patch", refused("--set", "patch=40"))
            dry = service.run("submit", "-f", self.write("fine.json", FINETUNE), "--set", "dataset.train_cases=2", "--dry-run")
            self.assertIn("2 training cases", dry)
            self.assertNotIn("fine", [job["spec"]["name"] for job in service.json("job", "ls")["jobs"]])


if __name__ == "__main__":
    unittest.main(verbosity=2)
