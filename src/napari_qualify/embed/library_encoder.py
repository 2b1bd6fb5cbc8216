"""The encoder of a library: with the library's own bridge where it has one."""

from typing import TYPE_CHECKING

from napari_qualify.embed.base import Encoder
from napari_qualify.embed.bridge import Bridge
from napari_qualify.embed.registry import load_encoder
from napari_qualify.errors import EncoderError

if TYPE_CHECKING:
    from napari_qualify.library.store import Library


def load_encoder_for(library: "Library", device: str = "auto", precision: str = "auto") -> Encoder:
    """Load a library's encoder, with the bridge that was refitted in it.

    Parameters
    ----------
    library : Library
    device, precision : str
        See `registry.load_encoder`.

    Raises
    ------
    EncoderError
        When it cannot be loaded, or the bridge was made for another one.
    LibraryError
        When the library's bridge is damaged.
    """
    encoder = load_encoder(library.encoder, device, precision)
    bridge = library.bridge
    if bridge is None or not encoder.has_text:
        return encoder
    if not takes_bridge(encoder) or len(bridge.mean) != encoder.dim:
        raise EncoderError(
            f"{library.path.name} has a bridge for vectors of length {len(bridge.mean)}, which the "
            f"encoder {encoder.spec} (length {encoder.dim}) does not take. Drop it "
            "(library.drop_bridge()) or refit it."
        )
    return with_bridge(encoder, bridge)


def takes_bridge(encoder: Encoder) -> bool:
    """Whether an encoder comes to its text space over a bridge."""
    return hasattr(encoder, "with_bridge")


def with_bridge(encoder: Encoder, bridge: Bridge) -> Encoder:
    """The encoder with another bridge; for those of `takes_bridge`."""
    found: Encoder = encoder.with_bridge(bridge)  # type: ignore[attr-defined]
    return found
