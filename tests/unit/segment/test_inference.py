import numpy as np
import pytest
import torch
from scipy.special import softmax

from napari_qualify.precision import has_bfloat16
from napari_qualify.segment.inference import Inference
from napari_qualify.segment.start import build, start_network


def used(model, seed=0):
    """The network with batch norms that are not the identity, as after a training."""
    torch.manual_seed(seed)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(2, 3, 64, 64) * 2 + 1)
    return model.eval()


@pytest.fixture(scope="module")
def unet():
    return used(start_network("Unet", "tu-tf_efficientnet_lite0", 3, "lite")[0])


def logits(model, seed=1):
    batch = torch.randn(2, 3, 96, 64, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        return model(batch).float().numpy()


def norms(model):
    return sum(isinstance(part, torch.nn.BatchNorm2d) for part in model.modules())


def test_folded_is_the_same_function_without_batch_norms(unet):
    before = {key: value.clone() for key, value in unet.state_dict().items()}
    ready = Inference(unet, "fp32", "cpu")
    assert norms(ready.full) == 0 < norms(unet) and ready.fast is None
    np.testing.assert_allclose(logits(ready.full), logits(unet), atol=1e-4)
    np.testing.assert_allclose(logits(ready), softmax(logits(unet), axis=1), atol=1e-4)
    assert all(torch.equal(before[key], value) for key, value in unet.state_dict().items())


class NormFirst(torch.nn.Module):
    """Declares the convolution before the batch norm that it follows."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 3, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(3)

    def forward(self, x):
        return self.conv(self.norm(x))


def test_a_network_whose_parts_run_in_another_order_is_left_whole():
    model = used(NormFirst())
    ready = Inference(model, "fp32", "cpu").full
    assert norms(ready) == 1
    np.testing.assert_allclose(logits(ready), logits(model), atol=1e-5)


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16")
@pytest.mark.parametrize("encoder", ["tu-tf_efficientnet_lite0", "resnet18"])
@pytest.mark.parametrize("architecture", ["Unet", "FPN"])
def test_bfloat16_is_near(architecture, encoder):
    model = used(build(architecture, encoder, 3))
    ready = Inference(model, "bf16", "cpu")
    found, wanted = logits(ready.fast), logits(ready.full)
    assert np.abs(found - wanted).mean() < 0.06 * wanted.std()


class Shares(torch.nn.Module):
    """Finds the second of two phases where the picture is above 0; remembers its batches."""

    def __init__(self, factor):
        super().__init__()
        self.factor, self.counts = factor, []

    def forward(self, x):
        self.counts.append(len(x))
        above = self.factor * x[:, :1]
        return torch.cat([torch.zeros_like(above), above], 1)


def test_patches_with_a_rare_phase_are_computed_in_fp32(unet):
    ready = Inference(unet, "fp32", "cpu")
    ready.fast, ready.full = Shares(3.0), Shares(5.0)
    patches = -torch.ones(4, 3, 64, 64)
    patches[1, :, :1, :5] = 1.0  # 0.12 %
    patches[2, :, :32] = 1.0  # a half
    patches[3, :, 7, 7] = -0.05  # nearly found
    found = ready(patches)
    assert ready.fast.counts == [4] and ready.full.counts == [2]
    wanted = torch.where(torch.tensor([False, True, False, True])[:, None, None], 5.0, 3.0)
    assert torch.allclose(found[:, 1], torch.sigmoid(wanted * patches[:, 0]))
