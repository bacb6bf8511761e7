"""Our Dice plus cross-entropy and its gradient against MONAI's losses, in double (MONAI is in the environment that holds yucca)."""

import torch
from monai.losses import DiceLoss

from loss_dump import dump, largest_difference

SMOOTH = dict(smooth_nr=1.0, smooth_dr=1.0 + 1e-8)


def one_hot(codes, channels):
    return torch.nn.functional.one_hot(codes.long(), channels).movedim(-1, 1).double()


def bits(codes, regions):
    return torch.stack([(codes >> r) & 1 for r in range(regions)], 1).double()


def coarser(codes, level):
    step = 2**level
    return codes if level == 0 else codes[:, step // 2 :: step, step // 2 :: step, step // 2 :: step]


def loss_of(logits, codes, kind):
    """Mean over the batch. MONAI's Dice loss is 1 - Dice."""
    channels = logits.shape[1]
    if kind == "classes":
        dice = DiceLoss(softmax=True, include_background=True, **SMOOTH)(logits, one_hot(codes, channels)) - 1
        return dice, torch.nn.functional.cross_entropy(logits, codes.long())
    target = bits(codes, channels)
    dice = DiceLoss(sigmoid=True, include_background=True, **SMOOTH)(logits, target) - 1
    return dice, torch.nn.functional.binary_cross_entropy_with_logits(logits, target)


def check(tmp_path, kind, levels):
    ours = dump(tmp_path, kind, levels)
    logits = [ours[f"logits{i}"].requires_grad_(True) for i in range(levels)]
    weights = torch.tensor([2.0**-i for i in range(levels)], dtype=torch.float64)
    weights /= weights.sum()
    parts = [loss_of(logits[i], coarser(ours["codes"], i), kind) for i in range(levels)]
    batch = logits[0].shape[0]
    dice = batch * sum(w * part[0] for w, part in zip(weights, parts))
    entropy = batch * sum(w * part[1] for w, part in zip(weights, parts))
    (dice + entropy).backward()
    expected = torch.stack([dice + entropy, dice, entropy]).detach()
    worst = [largest_difference(ours["sums"], expected), largest_difference(ours["loss"].reshape(1), expected[:1])]
    worst += [largest_difference(ours[f"gradient{i}"], logits[i].grad) for i in range(levels)]
    print(f"\n{kind}, {levels} outputs: largest relative difference {max(worst):.2e}")
    assert max(worst) < 1e-9
    return ours


def test_classes(tmp_path):
    check(tmp_path, "classes", 1)


def test_regions(tmp_path):
    check(tmp_path, "regions", 1)


def test_deep_supervision(tmp_path):
    check(tmp_path, "classes", 3)


def test_deep_supervision_of_regions(tmp_path):
    check(tmp_path, "regions", 3)


def test_overlap(tmp_path):
    for kind in ("classes", "regions"):
        (tmp_path / kind).mkdir()
        ours = dump(tmp_path / kind, kind, 1)
        logits = ours["logits0"]
        if kind == "classes":
            said, truth = one_hot(logits.argmax(1), 4)[:, 1:], one_hot(ours["codes"], 4)[:, 1:]
        else:
            said, truth = (logits > 0).double(), bits(ours["codes"], 3)
        axes = (0, 2, 3, 4)
        expected = [(said * truth).sum(axes), (said * (1 - truth)).sum(axes), ((1 - said) * truth).sum(axes)]
        assert torch.equal(ours["overlap"], torch.stack(expected, 1))
