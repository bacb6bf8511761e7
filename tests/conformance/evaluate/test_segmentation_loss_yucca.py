"""Our Dice plus cross-entropy and its gradient against the loss of the reference's engine, in double."""

from yucca.modules.optimization.loss_functions.deep_supervision import DeepSupervisionLoss
from yucca.modules.optimization.loss_functions.nnUNet_losses import DiceCE

from loss_dump import dump, largest_difference


def test_dice_and_cross_entropy(tmp_path):
    ours = dump(tmp_path, "classes", 1)
    logits = ours["logits0"].requires_grad_(True)
    loss = DiceCE()(logits, ours["codes"].unsqueeze(1)) * logits.shape[0]
    loss.backward()
    differences = (largest_difference(ours["loss"], loss.detach()), largest_difference(ours["gradient0"], logits.grad))
    print("\nlargest relative difference of loss and gradient:", differences)
    assert max(differences) < 1e-9


def test_deep_supervision(tmp_path):
    ours = dump(tmp_path, "classes", 3)
    logits = [ours[f"logits{i}"].requires_grad_(True) for i in range(3)]
    codes = ours["codes"].unsqueeze(1)
    labels = [codes] + [codes[:, :, s // 2 :: s, s // 2 :: s, s // 2 :: s] for s in (2, 4)]
    loss = DeepSupervisionLoss(DiceCE())(logits, labels) * codes.shape[0]
    loss.backward()
    differences = [largest_difference(ours["loss"], loss.detach())]
    differences += [largest_difference(ours[f"gradient{i}"], logits[i].grad) for i in range(3)]
    print("\nlargest relative difference of loss and gradients:", differences)
    assert max(differences) < 1e-9
