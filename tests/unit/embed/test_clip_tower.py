"""The last block of a vision transformer, for its class token alone."""

from copy import deepcopy

import pytest
import torch

from napari_qualify.embed.clip_tower import class_token_only
from napari_qualify.embed.torchvision_guard import ensure_torchvision


def model(**vision):
    ensure_torchvision()
    import open_clip

    torch.manual_seed(0)
    config = {"image_size": 32, "layers": 3, "width": 64, "head_width": 32, "patch_size": 8}
    text = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}
    made = open_clip.CLIP(16, vision_cfg={**config, **vision}, text_cfg=text)
    for parameter in made.visual.parameters():  # layer scales and biases are not what they begin as
        torch.nn.init.normal_(parameter, std=0.2)
    return made.eval().requires_grad_(False)


def vectors(made):
    batch = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(7))
    with torch.inference_mode():
        return made.encode_image(batch, normalize=True)


@pytest.mark.parametrize("vision", [{}, {"ls_init_value": 0.5}, {"final_ln_after_pool": True}])
def test_the_vector_stays_the_same_with_less_work(vision):
    whole = model(**vision)
    short = deepcopy(whole)
    assert class_token_only(short, 32)
    assert torch.allclose(vectors(short), vectors(whole), atol=1e-6)
    seen = []
    short.visual.transformer.resblocks[-1].block.mlp.register_forward_hook(
        lambda module, inputs, output: seen.append(tuple(output.shape))
    )
    vectors(short)
    assert seen == [(5, 1, 64)]  # of 17 tokens


@pytest.mark.parametrize("vision", [{"pool_type": "avg"}, {"attentional_pool": True}])
def test_a_model_that_uses_all_tokens_is_left_as_it_is(vision):
    whole = model(**vision)
    short = deepcopy(whole)
    assert not class_token_only(short, 32)
    assert torch.equal(vectors(short), vectors(whole))
