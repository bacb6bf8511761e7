"""A network of the user's own, as a TorchScript file: pretrained, finetuned, evaluated; and what is refused before a slot is taken."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import service as amaes  # noqa: E402
from service import checkpoint_at, floats, tensors  # noqa: E402

SEED = 1


class ScriptTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="amaes-script-")
        cls.root = pathlib.Path(cls.folder.name)
        cls.template, _ = amaes.make_labelled_home(cls.root)
        # One channel in and out for pretraining; two channels and background with four classes for finetuning.
        cls.pretraining = cls.make_script("pretraining", 1, 1)
        cls.finetuning = cls.make_script("finetuning", 2, 5, seed=2)
        with amaes.Service(cls.template) as service:
            service.run("submit", "-f", cls.pretrain(), "--wait")
            cls.pretrained = service.json("job", "show", "pre")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def make_script(cls, name, inputs, outputs, width=4, seed=SEED):
        path = cls.root / f"{name}.pt"
        subprocess.run([amaes.BUILD / "tests" / "make_script", path, str(inputs), str(outputs), str(width), str(seed)], check=True)
        return path

    @classmethod
    def write(cls, name, spec):
        path = cls.root / name
        path.write_text(json.dumps(spec))
        return path

    @staticmethod
    def network(script, prefix="backbone"):
        return {"name": "script", "script": str(script), "encoder_prefix": prefix}

    @classmethod
    def pretrain(cls, **changes):
        return cls.write("pre.json", {**amaes.SPEC, "name": "pre", "dataset": {"name": "labelled"}, "network": cls.network(cls.pretraining),
                                      "patch": "32x32x40", "schedule": {"steps": 3, "warmup_steps": 1}, **changes})

    @classmethod
    def finetune(cls, **changes):
        return cls.write("fine.json", {
            **amaes.SPEC, "kind": "finetune", "name": "fine", "dataset": {"name": "labelled", "channels": "FLAIR,T1w"},
            "labels": {"classes": "csf=2,grey=3+5,white=4,lesion=6", "background": "1"}, "network": cls.network(cls.finetuning),
            "schedule": {"steps": 4, "epoch_steps": 2}, "optimizer": {"learning_rate": 5e-3},
            "init": {"from": "job:pre", "freeze_encoder_steps": 2}, "checkpoint": {"every_steps": 2, "keep": 5},
            "validation": {"every_steps": 4, "crops": 1}, **changes})

    @classmethod
    def evaluate(cls, **changes):
        return cls.write("test.json", {"kind": "evaluate", "name": "test", "dataset": {"name": "labelled", "split": "held_out"}, "device": "cpu",
                                       "workers": 1, "checkpoint": {"from": "job:fine"}, "window": {"patch": "40x48x44"}, **changes})

    def test_from_pretraining_to_a_report(self):
        home = amaes.copy_home(self.template, self.root)
        start = tensors(checkpoint_at(home, self.pretrained["id"], 3))
        self.assertEqual(sorted(start), ["backbone.bias", "backbone.weight", "bias", "weight"])
        with amaes.Service(home) as service:
            service.run("submit", "-f", self.finetune(), "--wait")
            tuned = service.json("job", "show", "fine")
            # Frozen until step 2: the pretrained encoder, its stem over two channels; the rest is the file's own and trains.
            frozen, free = (tensors(checkpoint_at(home, tuned["id"], step)) for step in (2, 4))
            self.assertEqual(frozen["backbone.bias"], start["backbone.bias"])
            halves = [v / 2 for v in floats(start["backbone.weight"][1])]
            taken = floats(frozen["backbone.weight"][1])
            for i in range(0, len(halves), 27):
                self.assertEqual(list(taken[2 * i:2 * i + 54]), halves[i:i + 27] * 2)
            self.assertNotEqual(free["backbone.weight"], frozen["backbone.weight"])
            self.assertEqual(free["weight"][0], [5, 4, 1, 1, 1])
            self.assertIn("2 tensors", service.run("job", "show", "fine"))

            # Accepted now, placed once there are three slots; by then the script is another.
            service.run("submit", "-f", self.evaluate(name="late", workers=3))
            kept = self.root / "kept.pt"
            shutil.copy(self.finetuning, kept)
            self.make_script("finetuning", 2, 5, seed=3)
            self.assertIn("is not the file that the network was trained with", service.run("submit", "-f", self.evaluate(), expect=2))
        with amaes.Service(home, slots=3) as service:
            service.run("job", "watch", "late", expect=4)
            self.assertIn("is not the file that was checked at submit", service.json("job", "show", "late")["message"])
            shutil.copy(kept, self.finetuning)

            self.assertIn("SUCCEEDED", service.run("submit", "-f", self.evaluate(), "--wait"))
            results = service.json("job", "report", "test")
            folder = pathlib.Path(service.json("job", "show", "test")["folder"]) / "evaluation"
        self.assertEqual([row["region"] for row in results["cases"][0]["regions"]], ["csf", "grey", "white", "lesion", "all", "foreground"])
        self.assertEqual(len(list((folder / "predictions").iterdir())), len(results["cases"]))
        self.assertIn("script, SHA-256 ", (folder / "report.html").read_text())

    def test_what_cannot_work_is_refused_before_a_slot_is_taken(self):
        home = amaes.copy_home(self.template, self.root)
        with amaes.Service(home) as service:
            def refused(spec, *settings):
                return service.run("submit", "-f", spec, *settings, expect=2)

            many = self.network(self.make_script("many", 1, 2))
            self.assertIn("with [1, 2, 32, 32, 40], not with [1, 1, 32, 32, 40]", refused(self.pretrain(name="p", network=many)))
            self.assertIn('no parameter\'s name begins with network.encoder_prefix "encoder."; they begin with',
                          refused(self.pretrain(name="p", network=self.network(self.pretraining, ""))))
            self.assertIn("no such file here", refused(self.pretrain(name="p", network=self.network(self.root / "none.pt"))))
            # Of one channel, where the cases have two.
            text = refused(self.finetune(network=self.network(self.pretraining)))
            self.assertIn("on an input of [1, 2, 32, 32, 32]", text)
            self.assertIn("to have 1 channels, but got 2 channels", text)
            wide = self.network(self.make_script("wide", 2, 5, width=8))
            text = refused(self.finetune(network=wide))
            self.assertIn("backbone.weight: [4,1,3,3,3] in the file, [8,2,3,3,3] in the network", text)
            self.assertIn("init.allow_mismatch", text)
            model = checkpoint_at(home, self.pretrained["id"], 3)
            self.assertIn("holds no encoder: none of its 4 tensors is called encoder.",
                          refused(self.finetune(network={"name": "unet", "filters": 4}), "--set", f"init.from={model}"))
            names = {kind: [job["spec"]["name"] for job in service.json("job", "ls", "--filter", f"kind={kind}")["jobs"]] for kind in ("pretrain", "finetune")}
            self.assertEqual(names, {"pretrain": ["pre"], "finetune": []})


if __name__ == "__main__":
    unittest.main(verbosity=2)
