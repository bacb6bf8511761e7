"""A network of ours (network_dump) against another implementation with the same weights: forward, gradients, ten steps."""

import math
import os
import pathlib
import shutil
import subprocess

import torch
from safetensors.torch import load_file

torch.set_num_threads(1)
PROGRAM = pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "tests" / "network_dump"


class Dump:
    def __init__(self, folder, name, filters, patch, inputs, outputs, form, steps, dtype):
        arguments = [str(a) for a in (name, filters, patch, inputs, outputs, form, steps, dtype)]
        folder.mkdir()
        subprocess.run([PROGRAM, folder, *arguments], check=True)
        self.folder, self.steps = folder, steps
        self.dtype = torch.float64 if dtype == "f64" else torch.float32
        self.model = load_file(folder / "model.safetensors")
        self.gradients = load_file(folder / "gradients.safetensors")
        self.losses = [float(line) for line in (folder / "losses.txt").read_text().split()]

    def step(self, number):
        step = load_file(self.folder / f"step{number}.safetensors")
        outputs = sorted((name for name in step if name.startswith("output")), key=lambda name: int(name[6:]))
        return step["input"], step["target"], [step[name] for name in outputs]

    def remove(self):
        shutil.rmtree(self.folder)


def relative(got, expected):
    return ((got.double() - expected.double()).norm() / expected.double().norm()).item()


def as_list(outputs):
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def loss_of(outputs, target):
    """As RunNetwork: the finest output against the target, the coarser ones against zero."""
    loss = (outputs[0] - target).square().mean()
    for i, output in enumerate(outputs[1:], 1):
        loss = loss + output.square().mean() * 0.5**i
    return loss


def check(dump, network, rename=lambda name: name):
    """`network`: the other implementation. `rename`: from its parameters' names to ours. Returns what was measured."""
    network = network.to(dump.dtype)
    theirs = dict(network.named_parameters())
    assert {rename(name) for name in theirs} == {name for name in dump.model if name in dump.gradients}
    with torch.no_grad():
        for name, parameter in theirs.items():
            assert parameter.shape == dump.model[rename(name)].shape, name
            parameter.copy_(dump.model[rename(name)])
    double = dump.dtype == torch.float64
    inputs, target, outputs = dump.step(0)
    expected = as_list(network(inputs))
    assert [o.shape for o in outputs] == [o.shape for o in expected]
    forward = max(relative(got, want.detach()) for got, want in zip(outputs, expected))
    loss = loss_of(expected, target)
    loss.backward()
    used = [name for name, parameter in theirs.items() if parameter.grad is not None]
    assert used and all(dump.gradients[rename(name)].abs().max() == 0 for name in theirs if name not in used)
    got = torch.cat([dump.gradients[rename(name)].flatten() for name in used])
    want = torch.cat([theirs[name].grad.flatten() for name in used])
    gradient = relative(got, want)
    # Parameter by parameter, each with its own scale. A bias before a norm has no effect and a gradient of pure rounding:
    # it is compared on the scale of the whole gradient.
    single, scale = 0.0, want.abs().max().item()
    for name in used:
        ours, other = dump.gradients[rename(name)], theirs[name].grad
        if other.abs().max().item() < 1e-6 * scale:
            assert (ours - other).abs().max().item() <= (1e-9 if double else 5e-3) * scale, name
        else:
            single = max(single, relative(ours, other))
    measured = {"forward": forward, "loss": abs(dump.losses[0] / loss.item() - 1), "gradient": gradient, "parameter": single}
    print("\n" + ", ".join(f"{key} {value:.1e}" for key, value in measured.items()))
    limit = 1e-9 if double else 1e-5
    assert forward <= limit and measured["loss"] <= limit
    assert gradient <= (1e-9 if double else 5e-3)
    assert not double or single <= 1e-7
    return measured


def check_losses(dump, network):
    """In double: trains the other implementation as ours was trained; `check` gave it the same weights and its first gradient."""
    if dump.dtype != torch.float64:
        return
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    worst = 0.0
    for number in range(dump.steps):
        inputs, target, _ = dump.step(number)
        optimizer.zero_grad()
        loss = loss_of(as_list(network(inputs)), target)
        loss.backward()
        optimizer.step()
        assert math.isfinite(loss.item())
        worst = max(worst, abs(dump.losses[number] / loss.item() - 1))
    print(f"largest relative difference of {dump.steps} losses: {worst:.1e}; the loss fell to {dump.losses[-1] / dump.losses[0]:.3f}")
    assert dump.losses[-1] < dump.losses[0]
    assert worst <= 1e-7
