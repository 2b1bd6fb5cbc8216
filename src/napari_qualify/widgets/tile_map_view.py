"""Where a micrograph is unlike the accepted references: the part of the evidence in the window."""

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_qualify.decide.explain import where
from napari_qualify.decide.verdict import Verdict
from napari_qualify.report.tile_maps import paint
from napari_qualify.report.words import number
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import button, pixmap, text

SIDE = 200


class TileMapView(QWidget):
    """Picture of a tile map beside what it says, and a button to see it over the image.

    Signals
    -------
    map_requested
        To be shown as a layer.
    """

    map_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.picture = QLabel()
        self.words = text(small=True)
        self.show_layer = button("Show &map as layer", "Show the image alone, with the map over it")
        beside = QWidget()
        column(beside, self.words, self.show_layer).addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.picture)
        layout.addWidget(beside, 1)
        self.show_layer.clicked.connect(self.map_requested)

    def show_verdict(self, verdict: Verdict, thumbnail: NDArray[np.uint8] | None) -> None:
        """Show the map of a verdict; hidden where there is none."""
        tile_map, tile = verdict.tile_map, verdict.evidence.hottest
        self.setVisible(tile_map is not None and tile is not None and thumbnail is not None)
        if tile_map is None or tile is None or thumbnail is None:
            return
        self.picture.setPixmap(pixmap(paint(thumbnail, tile_map, 2 * SIDE), SIDE))
        low, high = tile_map.limits
        said = where(tile)
        self.picture.setAccessibleName(said)
        self.words.setText(
            f"{said} Colours reach from {number(low)}, usual in accepted references, to "
            f"{number(high)}."
        )
