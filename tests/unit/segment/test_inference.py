import numpy as np
import pytest
import torch

from napari_qualify.precision import has_bfloat16
from napari_qualify.segment.inference import prepare_network
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
    ready = prepare_network(unet, "fp32", "cpu")
    assert norms(ready) == 0 < norms(unet)
    np.testing.assert_allclose(logits(ready), logits(unet), atol=1e-4)
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
    ready = prepare_network(model, "fp32", "cpu")
    assert norms(ready) == 1
    np.testing.assert_allclose(logits(ready), logits(model), atol=1e-5)


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16")
@pytest.mark.parametrize("encoder", ["tu-tf_efficientnet_lite0", "resnet18"])
@pytest.mark.parametrize("architecture", ["Unet", "FPN"])
def test_bfloat16_is_near(architecture, encoder):
    model = used(build(architecture, encoder, 3))
    found, wanted = (logits(prepare_network(model, p, "cpu")) for p in ("bf16", "fp32"))
    assert np.abs(found - wanted).mean() < 0.06 * wanted.std()
