"""Exporting an image network to ONNX and quantising it to int8.

Weights are int8 with a scale per output channel. Activations are uint8 with one
range per tensor, taken from rendered micrographs, so that a vector does not
depend on the pictures that are encoded beside it. Between the products of a
transformer, and after the last convolution, everything stays float.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_qualify.embed.base import Encoder
from napari_qualify.errors import EncoderError

OPSET = 23  # the first with attention as one operator
LARGEST_BATCH = 1024
RENDERED = 256  # largest side at which a picture is rendered; above it is enlarged
FLOAT_CONVOLUTIONS = 3
_AT_A_TIME = 8  # pictures, while ranges are taken
_CONVOLUTIONAL = ("Conv", "Clip", "Relu", "Add", "MaxPool", "Gemm", "MatMul")
_PRODUCTS = ("Gemm", "MatMul")
_CHATTY = ("torch.onnx", "onnxscript", "onnx_ir")

_log = logging.getLogger(__name__)


def micrographs(encoder: Encoder, count: int, seed: int) -> list[NDArray[np.uint8]]:
    """Rendered micrographs of all kinds of structures, at an encoder's side.

    Parameters
    ----------
    encoder : Encoder
    count : int
    seed : int
        Of the first one; the others count on from it.

    Returns
    -------
    list of ndarray of uint8, shape (side, side, 3)
    """
    from napari_qualify.synthetic.corpus import KINDS, example

    names = sorted(KINDS)
    side = min(encoder.side, RENDERED)
    drawn = (example(names[i % len(names)], seed + i, side).image for i in range(count))
    if side == encoder.side:
        return list(drawn)
    size, filtered = (encoder.side, encoder.side), Image.Resampling.BICUBIC
    return [np.asarray(Image.fromarray(one).resize(size, filtered)) for one in drawn]


def scheme_of(network: Any) -> dict[str, Any]:
    """How a network is quantised, as plain JSON types.

    Parameters
    ----------
    network : torch.nn.Module
    """
    import torch

    parts = list(network.modules())
    convolutions = sum(isinstance(part, torch.nn.Conv2d) for part in parts)
    linear = (torch.nn.Linear, torch.nn.MultiheadAttention)
    products = sum(isinstance(part, linear) for part in parts)
    scheme: dict[str, Any] = {
        "quantised": "products",
        "weights": "int8 per channel",
        "activations": "uint8 per tensor, least to largest of rendered micrographs",
    }
    if convolutions > products:
        scheme |= {"quantised": "convolutions", "float": FLOAT_CONVOLUTIONS}
    return scheme


def export(
    encoder: Any, folder: Path, scheme: dict[str, Any], pictures: Sequence[NDArray[np.uint8]]
) -> Path:
    """Export an encoder's image network and quantise it.

    Parameters
    ----------
    encoder : Encoder
        With ``image_network`` and ``image_tensor``.
    folder : Path
        For the export and what is written on the way to it.
    scheme : mapping
        Of `scheme_of`.
    pictures : sequence of ndarray of uint8, shape (side, side, 3)
        To take the ranges of the activations from.

    Returns
    -------
    Path
        The quantised network: float32 (n, 3, h, w) to features (n, dim), any n.

    Raises
    ------
    EncoderError
        If the network cannot be exported.
    """
    plain, prepared, made = (folder / f"{name}.onnx" for name in ("plain", "prepared", "int8"))
    with _quiet():
        _to_onnx(encoder, plain, pictures[:2])
        _prepare(plain, prepared)
        _quantise(encoder, prepared, made, scheme, pictures)
    return made


def _to_onnx(encoder: Any, path: Path, pictures: Sequence[NDArray[np.uint8]]) -> None:
    import torch

    try:
        torch.onnx.export(
            encoder.image_network(),
            (encoder.image_tensor(pictures),),
            path,
            input_names=["pictures"],
            output_names=["features"],
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=LARGEST_BATCH)},),
            opset_version=OPSET,
            external_data=False,
            dynamo=True,
        )
    except torch.onnx.OnnxExporterError as error:
        first = str(error.__cause__ or error).strip().splitlines()[:1]
        raise EncoderError(
            f"encoder {encoder.spec}: its image network cannot be exported to ONNX: "
            f"{' '.join(first)[:300]}"
        ) from error


def _prepare(plain: Path, prepared: Path) -> None:
    """Fold what is constant, batch normalisation too, and note the shapes."""
    from onnxruntime.quantization import quant_pre_process

    quant_pre_process(plain, prepared, skip_symbolic_shape=True)


def _quantise(
    encoder: Any,
    prepared: Path,
    made: Path,
    scheme: dict[str, Any],
    pictures: Sequence[NDArray[np.uint8]],
) -> None:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    convolutional = scheme["quantised"] == "convolutions"
    graph = onnx.load(prepared, load_external_data=False).graph
    options: dict[str, Any] = {}
    if not convolutional:
        options["OpTypesToExcludeOutputQuantization"] = list(_PRODUCTS)
    quantize_static(
        prepared,
        made,
        _reader(encoder, graph.input[0].name, pictures),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=list(_CONVOLUTIONAL if convolutional else _PRODUCTS),
        nodes_to_exclude=_kept_float(graph, convolutional),
        extra_options=options,
    )


def _kept_float(graph: Any, convolutional: bool) -> list[str]:
    """Nodes that stay float.

    Of convolutions the first ones, at the picture's full resolution: they are
    few, and their errors run through all that follows. Products of two
    activations (attention) have no weights that could be quantised.
    """
    weights = {tensor.name for tensor in graph.initializer}
    kept = [n.name for n in graph.node if n.op_type in _PRODUCTS and n.input[1] not in weights]
    if convolutional:
        kept += [n.name for n in graph.node if n.op_type == "Conv"][:FLOAT_CONVOLUTIONS]
    return kept


def _reader(encoder: Any, name: str, pictures: Sequence[NDArray[np.uint8]]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        """Pictures as the quantiser asks for them."""

        def __init__(self) -> None:
            starts = range(0, len(pictures), _AT_A_TIME)
            self._batches = (pictures[k : k + _AT_A_TIME] for k in starts)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            """Some more pictures; None at the end."""
            batch = next(self._batches, None)
            return None if batch is None else {name: encoder.image_tensor(batch).numpy()}

    return Reader()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter and the quantiser print off the console, in the debug log."""
    said = StringIO()
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        # The exporter warns of calls that it makes itself.
        with redirect_stdout(said), redirect_stderr(said), catch_warnings(record=True) as heard:
            simplefilter("always")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        _log.debug("export: %s %s", said.getvalue(), [str(one.message) for one in heard])
