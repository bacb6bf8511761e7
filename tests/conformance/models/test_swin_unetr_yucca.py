"""SwinUNETR against MONAI's class, and what stands on its encoder in pretraining against PyTorch modules."""

import os
import pathlib
import subprocess

import pytest
import torch
from monai.networks.nets import SwinUNETR
from safetensors.torch import load_file
from torch import nn

from parity import Dump, check, check_losses
from peers import SwinWithLightDecoder, swin_encoder

SMALL, FULL = 12, 48
ON_GPU = os.environ.get("AMAES_TEST_DEVICE") == "gpu"
KINDS = ["segmentation", "masked", "heads"]
IN_DOUBLE = ["segmentation", "heads"]  # masked: test_masked_as_it_is_pretrained


class Heads(nn.Module):
    """The three heads of SwinUNETR's own pretraining."""

    def __init__(self, features):
        super().__init__()
        self.swinViT = swin_encoder(features)
        channels = 16 * features
        self.rotation_head = nn.Linear(channels, 4)
        self.contrastive_head = nn.Linear(channels, 512)
        steps = []
        for out in [channels // 2, channels // 4, channels // 8, channels // 16, channels // 16]:
            steps += [nn.Conv3d(channels, out, 3, padding=1), nn.InstanceNorm3d(out), nn.LeakyReLU()]
            steps += [nn.Upsample(scale_factor=2, mode="trilinear", align_corners=False)]
            channels = out
        self.conv = nn.Sequential(*steps, nn.Conv3d(channels, 1, 1))

    def forward(self, x):
        x = self.swinViT(x)[4]
        tokens = x.flatten(2).transpose(1, 2)
        rotation, contrastive = self.rotation_head(tokens[:, 0]), self.contrastive_head(tokens[:, 1])
        return {"rotation": rotation, "contrastive": contrastive, "reconstruction": self.conv(x)}


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swin")
    subprocess.run([pathlib.Path(os.environ["AMAES_BUILD_DIR"]) / "tests" / "swin_dump", folder], check=True)
    return folder


def reference(dump, kind, dtype):
    network = SwinUNETR(in_channels=1, out_channels=2, feature_size=SMALL) if kind == "segmentation" else {"masked": SwinWithLightDecoder, "heads": Heads}[kind](SMALL)
    network.load_state_dict(load_file(dump / f"{kind}-model.safetensors"), strict=True)
    return network.to(dtype)


def outputs_of(network, x):
    outputs = network(x)
    return outputs if isinstance(outputs, dict) else {"output": outputs}


def largest(got, expected):
    return (got - expected).abs().max().item()


def root_mean_square(got, expected):
    return (got - expected).square().mean().sqrt().item()


def test_names_shapes_and_counts_are_monais(dump):
    ours = load_file(dump / "full-model.safetensors")
    theirs = SwinUNETR(in_channels=1, out_channels=2, feature_size=FULL)
    assert {k: (v.shape, v.dtype) for k, v in ours.items()} == {k: (v.shape, v.dtype) for k, v in theirs.state_dict().items()}
    assert len(ours) == 159
    assert sum(ours[k].numel() for k, _ in theirs.named_parameters()) == 62_186_708
    for name, buffer in theirs.named_buffers():
        assert torch.equal(ours[name], buffer), name


def test_initial_weights_have_the_spread_of_monais(dump):
    """Within five standard errors, at most 8 % of the spread."""
    ours = load_file(dump / "full-model.safetensors")
    torch.manual_seed(1)
    for name, weight in SwinUNETR(in_channels=1, out_channels=2, feature_size=FULL).named_parameters():
        count, spread = weight.numel(), weight.std().item()
        if count < 1000:
            continue
        assert ours[name].std().item() == pytest.approx(spread, rel=min(0.08, 5 / count**0.5)), name
        assert ours[name].mean().item() == pytest.approx(weight.mean().item(), abs=min(0.1 * spread + 1e-3, 5 * spread * (2 / count) ** 0.5)), name


@pytest.mark.parametrize("kind, dtype", [*((kind, torch.float32) for kind in KINDS), *((kind, torch.float64) for kind in IN_DOUBLE)])
def test_forward_loss_and_gradients(dump, kind, dtype):
    """Largest difference; of fp32 on a GPU, whose convolutions round otherwise, root mean square as in parity.check."""
    bound, gradient_bound = (1e-9, 1e-9) if dtype == torch.float64 else (1e-5, 5e-3)
    difference = root_mean_square if dtype == torch.float32 and ON_GPU else largest
    ours = load_file(dump / f"{kind}-{'double' if dtype == torch.float64 else 'float'}.safetensors")
    network = reference(dump, kind, dtype)
    outputs = outputs_of(network, ours["input"])
    loss = sum((output - 0.5).square().mean() for output in outputs.values())
    loss.backward()
    differences = {name: difference(ours[name], output.detach()) for name, output in outputs.items()}
    differences["loss"] = abs(ours["loss"].item() / loss.item() - 1)
    got = torch.cat([ours["gradient." + name].flatten() for name, _ in network.named_parameters()])
    expected = torch.cat([p.grad.flatten() for p in network.parameters()])
    gradient = ((got - expected).norm() / expected.norm()).item()
    print(f"\n{kind} {dtype}: {differences}, gradient {gradient:.1e}")
    assert max(differences.values()) <= bound
    assert gradient <= gradient_bound


def test_masked_as_it_is_pretrained(tmp_path):
    """In double: the product's mask and loss, forward and gradients, ten losses."""
    run = Dump(tmp_path / "dump", "swin_unetr", SMALL, "64x32x32", 1, 1, "light", 10, "f64")
    network = SwinWithLightDecoder(SMALL)
    check(run, network)
    check_losses(run, network)


@pytest.mark.parametrize("kind", IN_DOUBLE)
def test_ten_training_losses(dump, kind):
    ours = load_file(dump / f"{kind}-steps.safetensors")
    network = reference(dump, kind, torch.float64)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    losses = []
    for step in range(10):
        optimizer.zero_grad()
        outputs = outputs_of(network, ours[f"input{step}"]).values()
        loss = sum((output - (ours[f"target{step}"] if output.dim() == 5 else 0.5)).square().mean() for output in outputs)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    difference = max(abs(a / b - 1) for a, b in zip(ours["losses"].tolist(), losses, strict=True))
    print(f"\nlosses {losses[0]:.6f} … {losses[-1]:.6f}, largest relative difference {difference:.1e}")
    assert losses[-1] < 0.9 * losses[0]
    assert difference <= 1e-7


def test_full_width_forward(dump):
    ours = load_file(dump / "full-float.safetensors")
    network = SwinUNETR(in_channels=1, out_channels=2, feature_size=FULL)
    network.load_state_dict(load_file(dump / "full-model.safetensors"), strict=True)
    with torch.no_grad():
        difference = largest(ours["output"], network(ours["input"]))
    print(f"\nfull width: largest difference {difference:.1e}")
    assert difference <= 1e-5


def put(x, boxes, content):
    x = x.clone()
    for box in boxes.tolist():
        where = tuple(slice(start, start + size) for start, size in zip(box[:3], box[3:], strict=True))
        x[where] = content[where]
    return x


def views_of(draws, group, view):
    """All samples of a group, in order: a later one copies from earlier ones as they are by then."""
    names = [f"{position}.{view}" for position in group]
    turned = [torch.rot90(draws[f"patch{p}"][0, 0], draws[f"turns{n}"].item(), (1, 2)) for p, n in zip(group, names, strict=True)]
    now = list(turned)
    for i, name in enumerate(names):
        member = draws[f"source{name}"].item()
        now[i] = put(now[i], draws[f"noise_boxes{name}"], draws[f"noise{name}"])
        if member != i and member < len(group):
            now[i] = put(now[i], draws[f"copied_boxes{name}"], now[member])
    return torch.stack(now)[:, None].double(), torch.stack(turned)[:, None].double()


def contrast(first, second, temperature=0.5):
    """NT-Xent over the two views of each sample of a group, per view."""
    z = nn.functional.normalize(torch.cat([first, second]), dim=1)
    similarity = torch.exp(z @ z.T / temperature)
    count = len(first)
    losses = []
    for i in range(2 * count):
        others = sum(similarity[i, j] for j in range(2 * count) if j != i)
        losses.append(-torch.log(similarity[i, (i + count) % (2 * count)] / others))
    return torch.stack(losses)


def test_losses_of_its_own_pretraining(dump):
    draws = load_file(dump / "pretraining.safetensors")
    network = reference(dump, "heads", torch.float64)
    sums = dict.fromkeys(["samples", "loss", "rotation", "correct", "contrastive", "reconstruction"], 0.0)
    with torch.no_grad():
        for group in [[0, 1], [2]]:
            outputs, targets, turns = [], [], []
            for view in range(2):
                x, target = views_of(draws, group, view)
                outputs.append(network(x))
                targets.append(target)
                turns.append(torch.stack([draws[f"turns{p}.{view}"] for p in group]))
            logits, turns = torch.cat([o["rotation"] for o in outputs]), torch.cat(turns)
            restored = torch.cat([o["reconstruction"] for o in outputs])
            sums["samples"] += len(group)
            sums["rotation"] += nn.functional.cross_entropy(logits, turns).item() * len(group)
            sums["correct"] += (logits.argmax(1) == turns).double().mean().item() * len(group)
            sums["contrastive"] += contrast(*(o["contrastive"] for o in outputs)).mean().item() * len(group)
            sums["reconstruction"] += nn.functional.l1_loss(restored, torch.cat(targets)).item() * len(group)
    sums["loss"] = sums["rotation"] + sums["contrastive"] + sums["reconstruction"]
    ours = dict(zip(sums, draws["sums"].tolist(), strict=True))
    print(f"\n{ours}")
    for name, expected in sums.items():
        assert ours[name] == pytest.approx(expected, rel=1e-9), name


def test_a_pretrained_encoder_loads_into_monai(dump):
    before, after = load_file(dump / "heads-model.safetensors"), load_file(dump / "checkpoint" / "model.safetensors")
    network = SwinUNETR(in_channels=1, out_channels=2, feature_size=SMALL)
    prefix = "swinViT."
    encoder_state = {k.removeprefix(prefix): v for k, v in after.items() if k.startswith(prefix)}
    network.swinViT.load_state_dict(encoder_state, strict=True)
    assert set(after) == set(before)
    changed = [k for k, v in after.items() if v.is_floating_point() and not torch.equal(v, before[k])]
    assert len(changed) > 0.9 * len([v for v in after.values() if v.is_floating_point()])
    with torch.no_grad():
        assert torch.isfinite(network(torch.rand(1, 1, 32, 64, 32))).all()
