"""The image tower of a model of open_clip without work whose result is not used."""

from typing import Any

_EQUAL = 1e-4  # largest difference of a unit vector's parts


def class_token_only(model: Any, side: int) -> bool:
    """Let the last block of a vision transformer compute its class token alone.

    Where the vector is taken from the class token, all that the last block does
    to the other tokens after their keys and values is thrown away: 5/6 of its
    products, 7 % of those of a tower of 12 blocks. The result is the same, and
    a model in which it is not, or of another build, is left as it is.

    Parameters
    ----------
    model : torch.nn.Module
        Of open_clip, in fp32 on the processor, in evaluation mode; changed in
        place.
    side : int
        Pixels of a picture.

    Returns
    -------
    bool
        Whether it was done.
    """
    import torch

    visual = model.visual
    blocks = getattr(getattr(visual, "transformer", None), "resblocks", None)
    plain = getattr(visual, "pool_type", "") == "tok" and getattr(visual, "attn_pool", 0) is None
    parts = ("ln_1", "attn", "ls_1", "ln_2", "mlp", "ls_2")
    if not plain or not blocks or not all(hasattr(blocks[-1], part) for part in parts):
        return False
    if type(blocks[-1].attn) is not torch.nn.MultiheadAttention:
        return False
    noise = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    last = blocks[-1]
    with torch.inference_mode():
        wanted = model.encode_image(noise, normalize=True)
        blocks[-1] = _class_token(last)
        try:
            found = model.encode_image(noise, normalize=True)
        except (RuntimeError, TypeError, AttributeError, IndexError):
            found = None  # a build that needs all tokens
    if found is not None and bool((found - wanted).abs().max() < _EQUAL):
        return True
    blocks[-1] = last
    return False


def _class_token(block: Any) -> Any:
    import torch

    class ClassToken(torch.nn.Module):
        """A residual attention block whose only query is the first token."""

        def __init__(self) -> None:
            super().__init__()
            self.block = block

        def forward(self, tokens: Any, *args: Any, **options: Any) -> Any:
            given = self.block.ln_1(tokens)
            found = self.block.attn(given[:, :1], given, given, need_weights=False)[0]
            first = tokens[:, :1] + self.block.ls_1(found)
            return first + self.block.ls_2(self.block.mlp(self.block.ln_2(first)))

    return ClassToken().eval()
