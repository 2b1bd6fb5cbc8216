"""Encoders, views and tiles: vectors from micrographs."""

from napari_qualify._verbs import make_callable

make_callable(__name__, "napari_qualify.embed.pipeline", "embed")
