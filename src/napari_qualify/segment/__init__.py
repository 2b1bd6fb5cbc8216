"""Phases from pixels."""

from napari_qualify._verbs import make_callable

make_callable(__name__, "napari_qualify.segment.run", "segment")
