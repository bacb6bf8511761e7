"""Networks of other people as TorchScript files: what `amaes-worker check-script` says of good and bad ones, and training."""

import hashlib
import json
import os
import pathlib
import subprocess

import pytest
import torch
from torch import nn

from parity import Dump, check, check_losses

torch.manual_seed(1)
WORKER = pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "bin" / "amaes-worker"


class Small(nn.Module):
    """Two levels, one of them the encoder's."""

    def __init__(self, outputs=1, dropout=0.0, batch_norm=False):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv3d(1, 4, 3, stride=2, padding=1), nn.BatchNorm3d(4) if batch_norm else nn.InstanceNorm3d(4, affine=True), nn.GELU(),
            nn.Dropout(dropout),
        )
        self.decoder = nn.ConvTranspose3d(4, outputs, 2, stride=2)
        self.register_buffer("shift", torch.tensor([0.25]))

    def forward(self, x):
        return self.decoder(self.encoder(x)) + self.shift


class Wrong(nn.Module):
    def __init__(self, how: str):
        super().__init__()
        self.how = how
        self.encoder = nn.Conv3d(1, 2, 3, padding=1)
        self.last = nn.Conv3d(2, 1, 1)

    def forward(self, x):
        y = self.last(self.encoder(x))
        if self.how == "halves":
            return y[:, :, ::2]
        if self.how == "mixes":
            return y + y.mean()
        if self.how == "detaches":
            return y.detach()
        if self.how == "refuses":
            raise RuntimeError("sides must be multiples of 48")
        return y / (y - y)


class Pair(Small):
    def forward(self, x):
        return self.decoder(self.encoder(x)), x


def ask(path, prefix="", patch="16x16x24", inputs=1, outputs=1):
    run = subprocess.run(
        [WORKER, "check-script", path, prefix, patch, str(inputs), str(outputs)], capture_output=True, text=True, timeout=120
    )
    lines = run.stdout.splitlines()
    assert len(lines) == 1, run.stderr
    return run.returncode, json.loads(lines[0])


def save(tmp_path, module):
    path = tmp_path / "network.pt"
    torch.jit.script(module).save(str(path))
    return path


def test_a_good_one(tmp_path):
    path = save(tmp_path, Small())
    code, answer = ask(path)
    assert code == 0
    assert answer == {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "parameters": sum(p.numel() for p in Small().parameters()),
        "encoder": [{"name": f"encoder.{name}", "shape": list(p.shape)} for name, p in Small().encoder.named_parameters()],
    }
    assert [tensor["name"] for tensor in ask(path, "decoder")[1]["encoder"]] == ["decoder.weight", "decoder.bias"]


def test_the_reason_is_said_under_a_long_traceback(tmp_path):
    code, answer = ask(save(tmp_path, nn.Sequential(nn.Sequential(Small(), nn.ReLU()), nn.Conv3d(1, 1, 1))), "0", inputs=2)
    assert code == 1
    assert "on an input of [1, 2, 16, 16, 24]" in answer["error"]
    assert "to have 1 channels, but got 2 channels" in answer["error"]


def test_a_traced_one(tmp_path):
    path = tmp_path / "traced.pt"
    torch.jit.trace(Small(), torch.zeros(1, 1, 16, 16, 16)).save(str(path))
    assert ask(path)[0] == 0


@pytest.mark.parametrize(
    "module, words",
    [
        (Wrong("halves"), "answers [1, 1, 16, 16, 24] with [1, 1, 8, 16, 24], not with [1, 1, 16, 16, 24]"),
        (Wrong("mixes"), "depends on the others of its batch"),
        (Wrong("detaches"), "does not require grad"),
        (Wrong("refuses"), "sides must be multiples of 48"),
        (Wrong("divides"), "is not finite"),
        (Small(dropout=0.5), "differently while it trains"),
        (Small(batch_norm=True), "differently while it trains"),
        (Small(outputs=2), "with [1, 2, 16, 16, 24], not with [1, 1, 16, 16, 24]"),
        (Pair(), "Tuple"),
        (nn.Sequential(nn.ReLU()), "has no parameters"),
    ],
)
def test_bad_ones(tmp_path, module, words):
    code, answer = ask(save(tmp_path, module))
    assert code == 1 and answer["code"] == 3, answer
    assert words in answer["error"], answer["error"]
    assert "frame #" not in answer["error"]


def test_a_prefix_that_fits_nothing(tmp_path):
    code, answer = ask(save(tmp_path, Small()), "backbone")
    assert code == 1 and 'begins with network.encoder_prefix "backbone."; they begin with encoder, decoder' in answer["error"]


def test_files_that_are_none(tmp_path):
    assert ask(tmp_path / "none.pt")[1]["code"] == 5
    torch.save(Small().state_dict(), tmp_path / "weights.pt")
    assert "not a TorchScript file" in ask(tmp_path / "weights.pt")[1]["error"]
    (tmp_path / "text.pt").write_text("hello")
    assert "not a TorchScript file" in ask(tmp_path / "text.pt")[1]["error"]


def test_it_trains_as_its_module_does(tmp_path):
    module = Small()
    dump = Dump(tmp_path / "dump", f"script:{save(tmp_path, module)}", 0, "16x16x24", 1, 1, "light", 10, "f64")
    other = Small().eval()
    check(dump, other)
    check_losses(dump, other)
    assert dump.model["shift"].item() == 0.25
