"""Speed and memory of segmentation: strokes, a network on a large image, a Zarr image.

    python benchmarks/segmentation.py --only speed

strokes     from the last stroke to the phases of a 1024 x 1024 image, training included; with the
            features of the image known, as while somebody paints, and for the first time
throughput  a trained network on a 4096 x 4096 image, beside a plain fp32 loop with the same
            network, patches, overlap, batch and threads; in turns
zarr        a 16384 x 16384 Zarr image to Zarr

Networks are trained on rendered micrographs, which the large images are made of too: renderings of
1024 x 1024 in a mosaic, mirrored so that they join.
"""

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import segmentation_methods as methods
from segmentation_data import read_split, simulate_strokes

PARTS = ("strokes", "throughput", "zarr")
ROUNDS = 3
REPEATS = 7
SIDE = 1024  # of a rendering, and of the image that is painted on
LARGE, HUGE = 4096, 16384
TILE, OVERLAP, BATCH = 512, 128, 4
STEPS = 700  # of the network: fewer leave the rarest phase out
RENDERINGS = 16  # that it learns from


def run(data: Path | None = None, parts: tuple[str, ...] = PARTS) -> None:
    """Print all parts; `data` is the folder of nasa_ebc_super, or None."""
    print(f"\nspeed, {methods.THREADS} threads")
    if "strokes" in parts:
        found, memory = methods.alone(strokes, data)
        print(f"strokes on {found['image']}, {SIDE} x {SIDE}, {found['painted']:.1%} painted:")
        for key, text in (("known", "features known"), ("first", "first time")):
            seconds = found[key]
            print(
                f"  {text:16}{np.median(seconds):6.2f} s from stroke to phases (of {len(seconds)}: "
                f"{min(seconds):.2f} to {max(seconds):.2f}), training "
                f"{np.median(found[key + '_training']):.2f} s, processor "
                f"{np.median(found[key + '_cpu']):.2f} s"
            )
        print(f"  peak {memory:.0f} MB", flush=True)
    if {"throughput", "zarr"} & set(parts):
        with TemporaryDirectory() as folder:
            _networks(Path(folder), parts)


def _networks(folder: Path, parts: tuple[str, ...]) -> None:
    seconds, memory = methods.alone(train, folder)
    print(f"network trained on renderings: {STEPS} steps, {seconds:.0f} s, peak {memory:.0f} MB")
    if "throughput" in parts:
        _throughput(folder)
    if "zarr" in parts:
        methods.alone(write_zarr, folder)
        found, memory = methods.alone(zarr_to_zarr, folder)
        rate = HUGE**2 / found["seconds"] / 1e6
        print(
            f"{HUGE} x {HUGE} Zarr to Zarr ({found['precision']}): {found['seconds']:.0f} s, "
            f"{rate:.2f} megapixels/s, peak {memory:.0f} MB (limit 2500)"
        )


def _throughput(folder: Path, side: int = LARGE, rounds: int = ROUNDS) -> None:
    calls = {"plain": plain, "ours": tiled}
    times: dict[str, list[float]] = {name: [] for name in calls}
    peaks: dict[str, float] = dict.fromkeys(calls, 0.0)
    for _ in range(rounds):
        for name, call in calls.items():
            seconds, memory = methods.alone(call, folder, side)
            times[name].append(seconds)
            peaks[name] = max(peaks[name], memory)
    medians = {name: float(np.median(each)) for name, each in times.items()}
    print(f"throughput on {side} x {side}, patches of {TILE}, overlap {OVERLAP}, batch {BATCH}:")
    for name, label in (("plain", "plain fp32 loop"), ("ours", "predict_tiled")):
        each = ", ".join(f"{s:.1f}" for s in times[name])
        rate = side**2 / medians[name] / 1e6
        print(
            f"  {label:18}{medians[name]:6.1f} s ({each}), {rate:.2f} megapixels/s, "
            f"peak {peaks[name]:.0f} MB"
        )
    print(f"  ratio of the medians {medians['plain'] / medians['ours']:.2f}")
    methods.alone(tiled, folder, side, "fp32")
    loop, ours, full = (np.load(folder / f"{name}.npy") for name in ("plain", "ours", "ours_fp32"))
    _agreement("as the plain loop", loop, ours)
    _agreement("as predict_tiled in fp32 (bfloat16 alone)", full, ours)
    _agreement("fp32 as the plain loop (blending alone)", loop, full)


def _agreement(title: str, plain_labels: np.ndarray, labels: np.ndarray) -> None:
    from napari_qualify.synthetic.render import PHASE_NAMES

    counts = np.bincount(plain_labels.ravel(), minlength=len(PHASE_NAMES))
    rarest = min((n, value) for value, n in enumerate(counts) if n)[1]
    one, two = plain_labels == rarest, labels == rarest
    both = np.sum(one & two)
    print(
        f"  {title}: equal pixels {np.mean(plain_labels == labels):.3%}; of the rarest phase, "
        f"{PHASE_NAMES[rarest]} ({one.mean():.2%}), {both / one.sum():.2%} are found again, "
        f"intersection over union {both / np.sum(one | two):.2%}",
        flush=True,
    )


def strokes(data: Path | None) -> dict:
    """Times from the last stroke to the phases of the whole image."""
    methods._threads()
    from napari_qualify.micrograph import Micrograph
    from napari_qualify.segment.scribbles import FeatureStore, train_scribbles

    name, pixels, labels, names = _painted_image(data)
    names = {value + 1: phase for value, phase in names.items()}
    parts = ("", "_training", "_cpu")
    out: dict = {key + part: [] for key in ("known", "first") for part in parts}
    out["image"] = name
    painted = [simulate_strokes(labels, seed) for seed in range(REPEATS)]
    out["painted"] = float(np.mean([np.mean(each > 0) for each in painted]))

    def once(micrograph, strokes, store, key):
        begin, spent = time.perf_counter(), time.process_time()
        segmenter = train_scribbles([(micrograph, strokes)], names, store=store)
        out[f"{key}_training"].append(time.perf_counter() - begin)
        segmenter.predict(micrograph, store=store, probabilities=True)  # for the uncertainty
        out[key].append(time.perf_counter() - begin)
        out[f"{key}_cpu"].append(time.process_time() - spent)

    # The weights of the encoder are read and torch is warm: a person has opened the widget.
    warm = Micrograph(pixels[:256, :256], None, "warm")
    there = np.arange(256 * 256).reshape(256, 256) % len(names) + 1
    train_scribbles([(warm, there)], names)
    for number, each in enumerate(painted):
        # A new object each time: nothing that it remembers of its pixels helps.
        once(Micrograph(pixels, None, f"{name} {number}"), each, FeatureStore(), "first")
    micrograph, store = Micrograph(pixels, None, name), FeatureStore()
    train_scribbles([(micrograph, painted[0])], names, store=store).predict(micrograph, store=store)
    for each in painted:
        once(micrograph, each, store, "known")
    return out


def _painted_image(data: Path | None) -> tuple[str, np.ndarray, np.ndarray, dict[int, str]]:
    """Name, pixels, labels and phases: a coating of EBC3, or a rendering."""
    if data is not None and (data / "splits.csv").is_file():
        split = read_split(data, "EBC3")
        example = split.train[0]
        pixels, labels = _to_side(example.micrograph.pixels), _to_side(example.labels)
        return example.micrograph.name, pixels, labels, split.names
    shown = _rendering(0, (SIDE, SIDE))
    return "a rendering", shown.image, shown.phases, dict(shown.names)


def _to_side(image: np.ndarray) -> np.ndarray:
    """Middle of an image, mirrored outward where it is smaller."""
    for axis, side in enumerate(image.shape):
        first = max(0, (side - SIDE) // 2)
        image = image.take(range(first, min(side, first + SIDE)), axis)
        if side < SIDE:
            more = [(0, 0)] * image.ndim
            more[axis] = (0, SIDE - side)
            image = np.pad(image, more, mode="symmetric")
    return image


def _rendering(seed: int, shape: tuple[int, int]):
    """A rendered micrograph; what decides a verdict is drawn as well."""
    from napari_qualify.synthetic.parameters import CRITERIA, draw_parameters
    from napari_qualify.synthetic.render import render

    rng = np.random.default_rng([17, seed])
    verdicts = {name: ("accept", "reject")[int(rng.integers(2))] for name in CRITERIA}
    return render(draw_parameters(rng, verdicts, shape=shape), seed)


def train(folder: Path) -> float:
    """Train a network on renderings; make the mosaic that the large images repeat."""
    methods._threads()
    from napari_qualify.micrograph import Micrograph
    from napari_qualify.segment.examples import Example
    from napari_qualify.segment.train_settings import TrainSettings
    from napari_qualify.segment.training import Training

    shown = [_rendering(seed, (400, 400)) for seed in range(RENDERINGS)]
    examples = [
        Example(Micrograph(each.image, None, f"{i}"), each.phases, f"{i}")
        for i, each in enumerate(shown)
    ]
    settings = TrainSettings(steps=STEPS, patch=128, minutes=30, every=100_000)
    begin = time.perf_counter()
    Training(examples, dict(shown[0].names), settings).run().save(folder / "network")
    seconds = time.perf_counter() - begin
    parts = [_rendering(100 + seed, (SIDE, SIDE)).image for seed in range(4)]
    np.save(folder / "mosaic.npy", np.block([parts[:2], parts[2:]]))
    return seconds


def _mosaic(folder: Path, side: int) -> np.ndarray:
    image = np.load(folder / "mosaic.npy")
    while len(image) < side:
        image = np.pad(image, [(0, len(image))] * 2, mode="symmetric")
    return image[:side, :side]


def _network(folder: Path):
    from napari_qualify.segment.model_folder import load_segmenter

    return replace(load_segmenter(folder / "network"), tile=TILE, overlap=OVERLAP, batch=BATCH)


def tiled(folder: Path, side: int, precision: str = "auto") -> float:
    """Seconds of `predict_tiled`, from the image to its label values."""
    methods._threads()
    from napari_qualify.segment.tiled import predict_tiled

    segmenter, image = replace(_network(folder), precision=precision), _mosaic(folder, side)
    begin = time.perf_counter()
    found = predict_tiled(image, segmenter)
    seconds = time.perf_counter() - begin
    np.save(folder / ("ours.npy" if precision == "auto" else "ours_fp32.npy"), found.labels)
    return seconds


def plain(folder: Path, side: int) -> float:
    """Seconds of a loop as one would write it: fp32, the middle of each patch is kept."""
    methods._threads()
    import torch

    model, image = _network(folder).model.eval(), _mosaic(folder, side)
    step, margin = TILE - OVERLAP, OVERLAP // 2
    begin = time.perf_counter()
    values = torch.from_numpy(image).float()
    values = 0.5 * (values - values.mean()) / values.std()
    starts = [min(k * step, side - TILE) for k in range(-(-(side - OVERLAP) // step))]
    places = [(y, x) for y in starts for x in starts]
    labels = np.zeros(image.shape, np.uint8)
    with torch.inference_mode():
        for first in range(0, len(places), BATCH):
            some = places[first : first + BATCH]
            batch = torch.stack([values[y : y + TILE, x : x + TILE] for y, x in some])
            found = model(batch[:, None].repeat(1, 3, 1, 1)).argmax(1).numpy()
            for (y, x), each in zip(some, found, strict=True):
                top, left = margin if y else 0, margin if x else 0
                labels[y + top : y + TILE, x + left : x + TILE] = each[top:, left:]
    seconds = time.perf_counter() - begin
    np.save(folder / "plain.npy", labels)
    return seconds


def write_zarr(folder: Path) -> None:
    """Write the 16384 x 16384 image, mirrored from the mosaic."""
    import zarr

    image = _mosaic(folder, LARGE)
    array = zarr.create_array(
        folder / "image.zarr", shape=(HUGE, HUGE), dtype="uint8", chunks=(1024, 1024)
    )
    for y in range(HUGE // LARGE):
        for x in range(HUGE // LARGE):
            part = image[:: -1 if y % 2 else 1, :: -1 if x % 2 else 1]
            array[y * LARGE : (y + 1) * LARGE, x * LARGE : (x + 1) * LARGE] = part


def zarr_to_zarr(folder: Path) -> dict:
    """Seconds for the whole, histogram included."""
    methods._threads()
    import zarr

    from napari_qualify.precision import resolve
    from napari_qualify.segment.tiled import predict_tiled

    segmenter = _network(folder)
    begin = time.perf_counter()
    predict_tiled(
        zarr.open_array(folder / "image.zarr", mode="r"), segmenter, out=folder / "labels.zarr"
    )
    return {
        "seconds": time.perf_counter() - begin,
        "precision": resolve(segmenter.precision, segmenter.device),
    }
