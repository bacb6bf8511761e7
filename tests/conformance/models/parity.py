"""A network of ours (network_dump) against another implementation with the same weights: forward, gradients, ten steps."""

import copy
import dataclasses
import math
import os
import pathlib
import shutil
import subprocess

import torch
from safetensors.torch import load_file
from torch import nn

torch.set_num_threads(int(os.environ.get("AMAES_TEST_THREADS", "1")))
PROGRAM = pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "tests" / "network_dump"
TOKEN, RATIO = 4, 0.6


@dataclasses.dataclass
class Step:
    form: str
    inputs: torch.Tensor
    target: torch.Tensor
    mask: torch.Tensor  # [B, 1, D, H, W] bool
    outputs: list

    def check_mask(self):
        """Exactly 60 % of each sample's tokens, whole ones, and nothing of them is seen."""
        tokens = nn.functional.avg_pool3d(self.mask.float(), TOKEN)
        assert torch.equal(nn.functional.interpolate(tokens, scale_factor=TOKEN), self.mask.float())
        count = tokens[0].numel()
        assert tokens.flatten(1).sum(1).tolist() == [count - int(count * (1 - RATIO))] * len(tokens)
        assert self.inputs.masked_select(self.mask).abs().max() == 0
        assert self.inputs.masked_select(~self.mask).min() >= 0 and self.inputs.std() > 0.1

    def loss(self, outputs):
        """As RunNetwork: for segmentation the finest output against the target, the coarser ones against zero; else the reconstruction's."""
        error = (outputs[0] - self.target).square()
        if self.form == "standard":
            return error.mean() + sum(output.square().mean() * 0.5**i for i, output in enumerate(outputs[1:], 1))
        assert len(outputs) == 1
        if self.form == "light_skips":  # over masked voxels
            return sum(e[m].mean() for e, m in zip(error, self.mask)) / len(error)
        return error.mean()


class Dump:
    def __init__(self, folder, name, filters, patch, inputs, outputs, form, steps, dtype):
        batch = 1 if name in ("resenc_l", "swin_unetr") else 2  # their patches are large
        arguments = [str(a) for a in (name, filters, patch, inputs, outputs, form, steps, dtype, batch)]
        folder.mkdir()
        subprocess.run([PROGRAM, folder, *arguments], check=True)
        self.folder, self.form, self.steps = folder, form, steps
        self.dtype = torch.float64 if dtype == "f64" else torch.float32
        self.model = load_file(folder / "model.safetensors")
        self.gradients = load_file(folder / "gradients.safetensors")
        self.losses = [float(line) for line in (folder / "losses.txt").read_text().split()]

    def step(self, number):
        step = load_file(self.folder / f"step{number}.safetensors")
        outputs = sorted((name for name in step if name.startswith("output")), key=lambda name: int(name[6:]))
        return Step(self.form, step["input"], step["target"], step["mask"] > 0, [step[name] for name in outputs])

    def remove(self):
        shutil.rmtree(self.folder)


def relative(got, expected):
    return ((got.double() - expected.double()).norm() / expected.double().norm()).item()


def as_list(outputs):
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def give_weights(dump, network, rename):
    theirs = dict(network.named_parameters())
    assert {rename(name) for name in theirs} == {name for name in dump.model if name in dump.gradients}
    with torch.no_grad():
        for name, parameter in theirs.items():
            assert parameter.shape == dump.model[rename(name)].shape, name
            parameter.copy_(dump.model[rename(name)])
    return theirs


def difference(outputs, expected):
    assert [o.shape for o in outputs] == [o.shape for o in expected]
    return max(relative(got, want.detach()) for got, want in zip(outputs, expected))


def report(measured, limit):
    print("\n" + ", ".join(f"{key} {value:.1e} (limit {limit[key]:.0e})" for key, value in measured.items()))
    for key, value in measured.items():
        assert value <= limit[key], key


def check(dump, network, rename=lambda name: name):
    """`network`: the other implementation. `rename`: from its parameters' names to ours. Outputs, loss, and the gradient as a whole.

    In fp32 the outputs to 1e-5 as they are (root mean square of the difference). Relative to their size also to 1e-5, or to twice what the other
    implementation itself is off from float64 where that is more: so far may two be apart that round equally well.
    """
    double = dump.dtype == torch.float64
    network = network.to(dump.dtype)
    theirs = give_weights(dump, network, rename)
    step = dump.step(0)
    step.check_mask()
    expected = as_list(network(step.inputs))
    loss = step.loss(expected)
    loss.backward()
    measured = {"outputs": difference(step.outputs, expected), "loss": abs(dump.losses[0] / loss.item() - 1)}
    limit = {"outputs": 1e-9 if double else 1e-5, "loss": 1e-9 if double else 1e-5, "gradient": 1e-9 if double else 5e-3}
    compare_gradients(dump, theirs, rename, measured, limit)
    if not double:
        exact = as_list(copy.deepcopy(network).double()(step.inputs.double()))
        limit["outputs"] = max(limit["outputs"], 2 * difference(expected, exact))
        measured["outputs, absolute"] = max((o - e.detach()).square().mean().sqrt().item() for o, e in zip(step.outputs, expected))
        limit["outputs, absolute"] = 1e-5
    report(measured, limit)


def check_full_width(dump, network):
    """One forward pass in fp32. The loss to 1e-5; the outputs to 1e-5, or to one and a half times what PyTorch's differ from themselves when it
    is given channels-last tensors, where that is more: long sums, and norms over few voxels, which amplify how they were rounded."""
    give_weights(dump, network, lambda name: name)
    step = dump.step(0)
    with torch.no_grad():
        expected = as_list(network(step.inputs.contiguous()))
        loss = step.loss(expected).item()
        network.to(memory_format=torch.channels_last_3d)
        other = as_list(network(step.inputs.contiguous(memory_format=torch.channels_last_3d)))
    own = difference(other, expected)
    print(f"\nPyTorch against itself, other layout: {own:.1e}")
    report({"outputs": difference(step.outputs, expected), "loss": abs(dump.losses[0] / loss - 1)},
           {"outputs": max(1e-5, 1.5 * own), "loss": 1e-5})


def compare_gradients(dump, theirs, rename, measured, limit):
    used = [name for name, parameter in theirs.items() if parameter.grad is not None]
    assert used and all(dump.gradients[rename(name)].abs().max() == 0 for name in theirs if name not in used)
    got = torch.cat([dump.gradients[rename(name)].flatten() for name in used])
    want = torch.cat([theirs[name].grad.flatten() for name in used])
    measured["gradient"] = relative(got, want)
    if dump.dtype != torch.float64:
        return
    # Parameter by parameter, each with its own scale. A bias before a norm has no effect and a gradient of pure rounding: it is compared on
    # the scale of the whole gradient.
    scale = want.abs().max().item()
    measured["one parameter"], limit["one parameter"] = 0.0, 1e-7
    for name in used:
        ours, wanted = dump.gradients[rename(name)], theirs[name].grad
        if wanted.abs().max().item() < 1e-6 * scale:
            assert (ours - wanted).abs().max().item() <= 1e-9 * scale, name
        else:
            measured["one parameter"] = max(measured["one parameter"], relative(ours, wanted))


def check_losses(dump, network):
    """In double: trains the other implementation as ours was trained; `check` gave it the same weights and its first gradient."""
    if dump.dtype != torch.float64:
        return
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    worst = 0.0
    for number in range(dump.steps):
        step = dump.step(number)
        step.check_mask()
        optimizer.zero_grad()
        loss = step.loss(as_list(network(step.inputs)))
        loss.backward()
        optimizer.step()
        assert math.isfinite(loss.item())
        worst = max(worst, abs(dump.losses[number] / loss.item() - 1))
    print(f"largest relative difference of {dump.steps} losses: {worst:.1e}; the loss fell to {dump.losses[-1] / dump.losses[0]:.3f}")
    assert dump.losses[-1] < dump.losses[0]
    assert worst <= 1e-7
