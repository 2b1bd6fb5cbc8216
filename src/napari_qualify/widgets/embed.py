"""The widget "Embed micrographs": vectors of image layers, kept in the library."""

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QGroupBox, QWidget

from napari_qualify.widgets.encoder_box import EncoderBox
from napari_qualify.widgets.libraries import LibraryPanel
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import Scope, button, form, scrolled, text
from napari_qualify.widgets.table import Table
from napari_qualify.widgets.tasks import Embedded, embed_sources
from napari_qualify.widgets.view_box import TileBox, ViewBox

if TYPE_CHECKING:
    from napari.viewer import Viewer


class EmbedWidget(LibraryPanel):
    """Encode image layers into a library.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        napari passes it by this name.
    """

    def __init__(self, napari_viewer: "Viewer") -> None:
        super().__init__(napari_viewer)
        from napari_qualify.embed.registry import encoder_status

        self.scope = Scope()
        self.encoder = EncoderBox(encoder_status())
        self.view = ViewBox()
        self.tile = TileBox()
        self.start = button("&Embed", "Encode the images that the library does not have yet")
        self.result = text()
        self.failures = Table(("Image", "Not embedded because"))
        self._build()
        self.start.clicked.connect(self._on_start)
        self.link.layers_changed.connect(self._count)
        self._count()
        self.follow()

    def _build(self) -> None:
        library = QGroupBox("Library")
        column(library, self.library_box).setContentsMargins(8, 8, 8, 8)
        what = QGroupBox("Embedding")
        fields = form()
        fields.addRow("Images", self.scope)
        fields.addRow("Encoder", self.encoder)
        fields.addRow("View", self.view)
        fields.addRow("Tile", self.tile)
        what.setLayout(fields)
        fields.setContentsMargins(8, 8, 8, 8)
        inner = QWidget()
        column(inner, library, what, self.start, self.result, self.failures).addStretch(1)
        column(self.body, scrolled(inner))
        self.failures.widths(grow=1)
        self.failures.hide()

    def _count(self) -> None:
        self.scope.count_images(len(self.link.images(selected=True)), len(self.link.images()))

    def show_library(self) -> None:
        """Follow the library that is open: its encoder is the likely one."""
        super().show_library()
        self.start.setEnabled(self.library is not None)
        if self.library is not None:
            self.encoder.choose(self.library.encoder)

    def _on_start(self) -> None:
        if self.library is None:
            return
        sources = self.link.sources(selected=self.scope.selected)
        labels, library = self.link.phases(), self.library.handle
        encoder, view, tile = self.encoder.value(), self.view.value(), self.tile.tile_um()

        def call(progress: Any) -> Embedded:
            return embed_sources(sources, library, encoder, view, tile, labels, progress)

        self.run("Embed", call, self._show)

    def _show(self, done: Embedded) -> None:
        self.result.setText(
            f"{done.new} newly encoded, {done.stored} from the library's store; "
            f"{done.dim} numbers each." + "".join(f"\n• {note}" for note in done.notes)
        )
        self.failures.fill(done.failures)
        self.failures.setVisible(bool(done.failures))
        self.failures.rows_tall(1, 5)
