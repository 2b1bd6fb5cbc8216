import numpy as np
import pytest
import torch

from napari_qualify.errors import UsageError
from napari_qualify.segment.loss import LOSSES, class_weights, make_loss

SHARES = np.array([0.9, 0.1])


def logits_of(classes, sure=4.0):
    """Logits that favour the given classes, shape (1, 2, h, w)."""
    found = torch.from_numpy(np.asarray(classes))
    return (sure * torch.nn.functional.one_hot(found, 2).permute(2, 0, 1).float())[None]


def test_weights_fall_with_the_root_of_the_share():
    weights = class_weights(SHARES)
    assert weights @ SHARES == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(3)
    assert np.isfinite(class_weights(np.array([1.0, 0.0]))).all()


@pytest.mark.parametrize("name", LOSSES)
def test_pixels_without_truth_do_not_count(name):
    loss = make_loss(name, SHARES)
    truth = torch.zeros((1, 8, 8), dtype=torch.int64)
    truth[0, :, 4:] = 1
    classes = truth[0].numpy().copy()
    right = float(loss(logits_of(classes), truth))
    classes[:2] = 1 - classes[:2]
    wrong = logits_of(classes)
    assert float(loss(wrong, truth)) > right + 0.05
    unknown = truth.clone()
    unknown[0, :2] = -1
    assert float(loss(wrong, unknown)) == pytest.approx(
        float(loss(logits_of(truth[0].numpy()), unknown)), abs=1e-6
    )


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_leads_to_the_truth(name):
    truth = torch.randint(0, 2, (1, 8, 8), generator=torch.Generator().manual_seed(0))
    logits = torch.zeros((1, 2, 8, 8), requires_grad=True)
    make_loss(name, SHARES)(logits, truth).backward()
    towards = torch.gather(logits.grad, 1, truth[:, None])
    assert (towards < 0).all()


def test_an_error_on_the_rare_phase_costs_more():
    loss = make_loss("dice_ce", SHARES)
    truth = np.zeros((10, 10), np.int64)
    truth[0] = 1
    common, rare = truth.copy(), truth.copy()
    common[5, :3] = 1
    rare[0, :3] = 0
    target = torch.from_numpy(truth)[None]
    assert float(loss(logits_of(rare), target)) > 1.3 * float(loss(logits_of(common), target))


def test_another_name_is_refused():
    with pytest.raises(UsageError, match="no loss 'huber'; there are dice_ce, focal"):
        make_loss("huber", SHARES)
