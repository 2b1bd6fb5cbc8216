"""What the embedding benchmark compares with: loops as one would write them, in fp32."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HUGE = 16384
_MODEL = "ViT-B-32"
Call = Callable[[list[Path]], np.ndarray]


def clip_spec(folder: Path, given: str | None) -> tuple[str, str]:
    """Encoder spec, and whether its weights are real or random (written once)."""
    if given:
        return f"clip:{given}", "real"
    where = folder / "clip-random"
    if not where.exists():
        _write_clip(where)
    return f"clip:{where}", "random"


def _write_clip(where: Path) -> None:
    """A ViT-B/32 with random weights in open_clip's own form of a folder."""
    from napari_qualify.embed.torchvision_guard import ensure_torchvision

    ensure_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = open_clip.create_model(_MODEL, pretrained=None)
    where.mkdir()
    config = {
        "model_cfg": open_clip.get_model_config(_MODEL),
        "preprocess_cfg": {
            "mean": [0.48145466, 0.4578275, 0.40821073],
            "std": [0.26862954, 0.26130258, 0.27577711],
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }
    (where / "open_clip_config.json").write_text(json.dumps(config))
    save_file(
        {key: value.contiguous() for key, value in model.state_dict().items()},
        where / "open_clip_model.safetensors",
    )


def flava_spec(folder: Path, given: str | None) -> tuple[str, str]:
    """Encoder spec of FLAVA, and whether its weights are real or random."""
    if given:
        return f"flava:{given}", "real"
    where = folder / "flava-random"
    if not where.exists():
        _write_flava(where)
    return f"flava:{where}", "random"


def _write_flava(where: Path) -> None:
    from napari_qualify.embed.torchvision_guard import ensure_torchvision

    ensure_torchvision()
    import torch
    from transformers import BertTokenizer, FlavaConfig, FlavaModel

    torch.manual_seed(0)
    where.mkdir()
    FlavaModel(FlavaConfig()).save_pretrained(where)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "micrograph"]
    (where / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(where / "vocab.txt"), model_max_length=512).save_pretrained(where)
    processor = {
        "image_processor_type": "FlavaImageProcessor",
        "size": {"height": 224, "width": 224},
        "crop_size": {"height": 224, "width": 224},
        "resample": 3,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    (where / "preprocessor_config.json").write_text(json.dumps(processor))


def plain_clip(spec: str, batch: int) -> Call:
    """A loop over files with open_clip's model and its own transform."""
    import open_clip
    import torch

    model, transform = open_clip.create_model_from_pretrained(_name(spec))
    model.eval()

    def call(files: list[Path]) -> np.ndarray:
        found = []
        for start in range(0, len(files), batch):
            images = [transform(Image.open(f).convert("RGB")) for f in files[start : start + batch]]
            with torch.no_grad():
                found.append(model.encode_image(torch.stack(images), normalize=True).numpy())
        return np.concatenate(found)

    return call


def _name(spec: str) -> Any:
    argument = spec.partition(":")[2]
    return f"local-dir:{argument}" if Path(argument).is_dir() else argument


def plain_flava(spec: str, batch: int) -> Call:
    """A loop over files with transformers' model and image processor."""
    import torch
    from transformers import FlavaImageProcessor, FlavaModel

    folder = spec.partition(":")[2]
    model = FlavaModel.from_pretrained(folder).eval()
    processor = FlavaImageProcessor.from_pretrained(folder)

    def call(files: list[Path]) -> np.ndarray:
        found = []
        for start in range(0, len(files), batch):
            images = [Image.open(f).convert("RGB") for f in files[start : start + batch]]
            pixels = processor(images, return_tensors="pt")["pixel_values"]
            with torch.no_grad():
                given = model.get_image_features(pixel_values=pixels)
            tokens = getattr(given, "pooler_output", given)[:, 0]
            found.append(torch.nn.functional.normalize(tokens, dim=1).numpy())
        return np.concatenate(found)

    return call


def plain_lite(batch: int) -> Call:
    """A loop over files with timm's network and the weights of `lite`."""
    import torch
    from torch.nn.functional import normalize

    from napari_qualify.embed.lite import SIDE, feature_maps, network

    model = network()

    def vectors(images: Any) -> Any:
        maps = feature_maps(model, (images.permute(0, 3, 1, 2).float() - 127) / 128)
        both = [torch.cat([m.mean((2, 3)), m.std((2, 3), correction=0)], 1) for m in maps]
        return torch.cat([normalize(each) / 2 for each in both], 1)

    def call(files: list[Path]) -> np.ndarray:
        found = []
        for start in range(0, len(files), batch):
            images = [
                np.asarray(Image.open(f).convert("RGB").resize((SIDE, SIDE), Image.LANCZOS))
                for f in files[start : start + batch]
            ]
            with torch.no_grad():
                found.append(vectors(torch.from_numpy(np.stack(images))).numpy())
        return np.concatenate(found)

    return call


def write_huge(folder: Path, files: list[Path]) -> Path:
    """An 8-bit TIFF of 16384 x 16384, tiled from the files."""
    import tifffile

    side = 512
    image = np.empty((HUGE, HUGE), np.uint8)
    for y in range(HUGE // side):
        for x in range(HUGE // side):
            tile = np.asarray(Image.open(files[(y * 32 + x) % len(files)]))
            image[y * side : (y + 1) * side, x * side : (x + 1) * side] = tile
    path = folder / "huge.tif"
    tifffile.imwrite(path, image, tile=(512, 512))
    return path
