"""Our U-Net, its gradients and our AdamW against PyTorch."""

import math
import os
import pathlib
import subprocess

import pytest
import torch
from safetensors.torch import load_file

from reference_unet import LightUNet

torch.set_num_threads(1)


def run(tmp_path_factory, precision):
    folder = tmp_path_factory.mktemp("unet")
    program = pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "tests" / "unet_dump"
    subprocess.run([program, folder, precision], check=True)
    return folder


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    return run(tmp_path_factory, "f32")


@pytest.fixture(scope="module")
def double_dump(tmp_path_factory):
    return run(tmp_path_factory, "f64")


def reference(dump, dtype=torch.float32):
    network = LightUNet(filters=4)
    network.load_state_dict(load_file(dump / "model.safetensors"), strict=True)
    return network.to(dtype)


def relative(got, expected):
    return ((got - expected).norm() / expected.norm()).item()


def test_names_and_order(dump):
    # The keys of the file are sorted by the reader, so the order is checked on the parameters' count and names only.
    assert set(load_file(dump / "model.safetensors")) == {name for name, _ in LightUNet(filters=4).named_parameters()}
    assert sum(p.numel() for p in LightUNet(32).parameters()) == 17_879_617
    assert sum(p.numel() for p in LightUNet(64).parameters()) == 71_500_929


def test_initial_weights_have_the_spread_of_pytorchs(dump):
    ours, theirs = load_file(dump / "model.safetensors"), LightUNet(filters=4).state_dict()
    for name, weight in theirs.items():
        if weight.numel() < 500:
            continue
        assert ours[name].std().item() == pytest.approx(weight.std().item(), rel=0.12), name
        assert ours[name].abs().max().item() == pytest.approx(weight.abs().max().item(), rel=0.05), name


def test_forward(dump):
    step = load_file(dump / "step0.safetensors")
    with torch.no_grad():
        expected = reference(dump)(step["input"])
    difference = (step["output"] - expected).abs().max().item()
    print(f"\nlargest difference of the output: {difference:.2e}")
    assert difference < 1e-5


def test_gradients(dump):
    step, ours = load_file(dump / "step0.safetensors"), load_file(dump / "gradients.safetensors")
    network = reference(dump, torch.float64)
    (network(step["input"].double()) - step["target"].double()).square().mean().backward()
    got = torch.cat([ours[name].double().flatten() for name, _ in network.named_parameters()])
    expected = torch.cat([p.grad.flatten() for _, p in network.named_parameters()])
    print(f"\ngradient, relative to float64: {relative(got, expected):.2e}")
    assert relative(got, expected) < 5e-3  # a value next to zero on the other side of LeakyReLU's bend is 1e-3 by itself


def learning_rate(step, rate=1e-2, steps=4, warmup=2, factor=0.1):
    if step < warmup:
        return rate * factor + (rate - rate * factor) * step / warmup
    return 0.5 * rate * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def test_three_steps_of_adamw(double_dump):
    """In double: rounding says nothing then, and every parameter follows PyTorch's through the whole schedule."""
    network = reference(double_dump, torch.float64)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1.0, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    for number in range(3):
        step = load_file(double_dump / f"step{number}.safetensors")
        optimizer.zero_grad()
        output = network(step["input"])
        assert relative(step["output"], output.detach()) < 1e-9, number
        (output - step["target"]).square().mean().backward()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(number)
        optimizer.step()
    start, ours = load_file(double_dump / "model.safetensors"), load_file(double_dump / "model2.safetensors")
    worst = 0.0
    for name, parameter in network.named_parameters():
        # A bias in front of a norm has a gradient of pure rounding, which Adam normalises: it says nothing.
        if name.endswith("conv.bias"):
            continue
        change = parameter.detach() - start[name]
        worst = max(worst, ((ours[name] - parameter.detach()).norm() / change.norm()).item())
    print(f"\nlargest relative difference of a parameter's change: {worst:.2e}")
    assert worst < 1e-6


def test_adamw_alone(dump):
    """The same gradients in, the same parameters out: to rounding."""
    start, gradients = load_file(dump / "model.safetensors"), load_file(dump / "gradients.safetensors")
    parameters = {name: torch.nn.Parameter(value.clone()) for name, value in start.items()}
    for name, parameter in parameters.items():
        parameter.grad = gradients[name]
    torch.optim.AdamW(parameters.values(), lr=learning_rate(0), weight_decay=0.01).step()
    ours = load_file(dump / "model0.safetensors")
    for name, parameter in parameters.items():
        torch.testing.assert_close(ours[name], parameter.detach(), rtol=1e-6, atol=1e-7)
