"""The widget "Segment phases": by strokes, a model or thresholds; training; measures."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info
from qtpy.QtWidgets import QGroupBox, QTabWidget, QWidget

from napari_qualify.segment.phases import phase_colour
from napari_qualify.widgets.measure_tasks import (
    Measured,
    measure_layer,
    particle_layer,
    save_csv,
    shown_rows,
)
from napari_qualify.widgets.measure_view import MeasureView
from napari_qualify.widgets.network_view import NetworkView
from napari_qualify.widgets.panel import Panel, column
from napari_qualify.widgets.parts import LayerBox, form, scrolled, text
from napari_qualify.widgets.recent import MODELS, remember
from napari_qualify.widgets.segment_tasks import (
    Segmented,
    Stored,
    model_card,
    pixel_size,
    segment_source,
    segment_to_zarr,
    segment_with_model,
)
from napari_qualify.widgets.sources import LayerSource, take
from napari_qualify.widgets.strokes import StrokesControl
from napari_qualify.widgets.strokes_view import StrokesView
from napari_qualify.widgets.table import Table
from napari_qualify.widgets.threshold_view import ThresholdView
from napari_qualify.widgets.train_view import TrainView
from napari_qualify.widgets.training import TrainControl

if TYPE_CHECKING:
    from napari.viewer import Viewer


WIDTH = 400
"""Least width in pixels, at which all tabs are in sight."""


class SegmentWidget(Panel):
    """Segment an image layer into phases and measure them.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        napari passes it by this name.
    """

    def __init__(self, napari_viewer: "Viewer") -> None:
        super().__init__(napari_viewer)
        self.image = LayerBox()
        self.image.setToolTip("The image layer to segment")
        self.strokes = StrokesView()
        self.network = NetworkView()
        self.threshold = ThresholdView()
        self.train = TrainView()
        self.measure = MeasureView()
        self.table = Table(("Phase", "Area fraction", "95 % interval", "Blocks"))
        self.table.setToolTip("Area fraction of each phase, with its interval within this field")
        self.notes = text(small=True)
        self._measured: Measured | None = None
        self._build()
        self.painting = StrokesControl(self.strokes, self.link, self)
        self.training = TrainControl(self.train, self.link, self)
        self._connect()
        self._offer()

    def _build(self) -> None:
        image = form()
        image.addRow("Image", self.image)
        self._choice = QWidget()
        column(self._choice, image)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setUsesScrollButtons(True)
        for name, page, tip in (
            ("Strokes", self.strokes, "Paint a few strokes and see the phases"),
            ("Network", self.network, "Use a model that was trained or saved before"),
            ("Threshold", self.threshold, "Divide the grey values"),
            ("Train", self.train, "Train a network on images with labels"),
            ("Measure", self.measure, "Fractions, sizes and distances with intervals"),
        ):
            self.tabs.addTab(scrolled(_padded(page)), name)
            self.tabs.setTabToolTip(self.tabs.count() - 1, tip)
        self.results = QGroupBox("Area fractions")
        column(self.results, self.table, self.notes).setContentsMargins(8, 8, 8, 8)
        column(self.body, self._choice, self.tabs, self.results, stretch=1)
        self.setMinimumWidth(WIDTH)
        self._has_results = False
        self.results.hide()

    def _connect(self) -> None:
        self.link.layers_changed.connect(self._offer)
        self.image.currentIndexChanged.connect(self._on_image)
        self.tabs.currentChanged.connect(self._on_tab)
        self.strokes.paint_requested.connect(self._on_paint)
        self.strokes.whole_requested.connect(self._on_whole)
        self.strokes.save_requested.connect(self._on_save_strokes)
        self.network.model_chosen.connect(self.choose_model)
        self.network.segment_requested.connect(self._on_network)
        self.threshold.segment_requested.connect(self._on_threshold)
        self.training.saved.connect(self._on_model_saved)
        self.measure.measure_requested.connect(self._on_measure)
        self.measure.phase_changed.connect(self._on_phase)
        self.measure.save_requested.connect(self._on_csv)
        self.measure.particles_requested.connect(self._on_particles)

    def set_busy(self, busy: bool) -> None:
        """Lock all tabs but the training's, which has its own worker."""
        for page in (self._choice, self.strokes, self.network, self.threshold, self.measure):
            page.setEnabled(not busy)

    def stop_work(self) -> None:
        """Stop the task, the live prediction and the training."""
        super().stop_work()
        self.painting.stop()
        self.training.runner.cancel()

    # --- choices ----------------------------------------------------------

    def _offer(self) -> None:
        images = self.link.images()
        self.image.offer([(str(layer.unique_id), str(layer.name)) for layer in images])
        for start in (self.threshold.start, self.strokes.paint, self.strokes.whole):
            start.setEnabled(bool(images))
        self.measure.offer([(source.uid, source.name) for source in self.link.phases()])

    def _on_image(self, index: int) -> None:
        source = self._source()
        size = None if source is None else pixel_size(source)
        self.network.show_image(size, there=source is not None)

    def _on_tab(self, index: int) -> None:
        on_an_image = index < 3
        self._choice.setVisible(on_an_image)
        self.results.setVisible(on_an_image and self._has_results)

    def _source(self) -> LayerSource | None:
        layer = self.link.find(self.image.currentData())
        return None if layer is None else take(layer)

    def _segment(self, call: Callable[[LayerSource, Any], Segmented]) -> None:
        """Run ``call(source, progress)`` on the chosen image and show what it found."""
        source = self._source()
        if source is not None:
            self.run(
                f"Segment {source.name}",
                lambda progress: call(source, progress),
                lambda found: self._show(source, found),
            )

    # --- strokes ------------------------------------------------------------

    def _on_paint(self) -> None:
        layer = self.link.find(self.image.currentData())
        if layer is not None:
            self.painting.paint(layer)

    def _on_whole(self) -> None:
        source = self._source()
        if source is None:
            return
        work = self.attempt(lambda: self.painting.whole(source))
        if work is not None:

            def show(found: Segmented) -> None:
                self.painting.make_way(source.uid)
                self._show(source, found)

            self.run(f"Segment {source.name}", lambda progress: work(progress), show)

    def _on_save_strokes(self, folder: str) -> None:
        work = self.attempt(lambda: self.painting.save(folder))
        if work is not None:
            self.run("Save the model", lambda progress: work(progress), self._saved)

    def _saved(self, folder: Any) -> None:
        show_info(f"The model is in {folder}.")
        self._on_model_saved(str(folder))

    # --- a saved model ----------------------------------------------------

    def choose_model(self, folder: str) -> None:
        """Read a model folder and show what is in it."""
        self.network.show_model(None)

        def show(record: dict[str, Any]) -> None:
            remember(folder, MODELS)
            self.network.offer_recent(folder)
            self.network.show_model(record)

        self.run("Read the model", lambda progress: model_card(folder), show)

    def _on_model_saved(self, folder: str) -> None:
        remember(folder, MODELS)
        if self.network.path in ("", folder) and not self.runner.busy:
            self.choose_model(folder)
        else:
            self.network.offer_recent(self.network.path)

    def _on_network(self, folder: str, augment: bool, out: str) -> None:
        source = self._source()
        if not out:
            self._segment(
                lambda source, progress: segment_with_model(source, folder, augment, progress)
            )
        elif source is not None:
            self.run(
                f"Segment {source.name}",
                lambda progress: segment_to_zarr(source, folder, augment, out, progress),
                lambda stored: self._show_stored(source, stored, out),
            )

    def _show_stored(self, source: LayerSource, stored: Stored, out: str) -> None:
        colours = {value: phase_colour(name) for value, name in stored.names.items()}
        self._to_measure(self.link.add_phases(source, stored.labels, colours, stored.record))
        self.progress_message = f"Phases of {source.name} are in {out} and in a new layer."

    # --- thresholds -------------------------------------------------------

    def _on_threshold(self, settings: dict[str, Any]) -> None:
        self._segment(lambda source, progress: segment_source(source, settings, progress))

    def _show(self, source: LayerSource, found: Segmented) -> None:
        phases = found.phases
        # A copy that can be written: the user may correct the labels by hand.
        labels = np.array(phases.labels)
        layer = self.link.add_phases(source, labels, phases.colours(), phases.record())
        self._to_measure(layer)
        rows = []
        for line in found.fractions:
            low, high = line["low"], line["high"]
            interval = "–" if np.isnan(low) else f"{low:.2%} to {high:.2%}"
            rows.append((line["phase"], f"{line['value']:.2%}", interval, str(line["n"])))
        methods = [str(line["method"]) for line in found.fractions]
        self.table.fill(
            rows, [(*row[:2], method, method) for row, method in zip(rows, methods, strict=True)]
        )
        self.table.widths(grow=0)
        self.table.rows_tall(3, 6)
        self.results.setTitle(f"Area fractions of {source.name}")
        self.notes.setText(found.note)
        self._has_results = True
        self._on_tab(self.tabs.currentIndex())
        self.progress_message = f"Phases of {source.name} are in a new Labels layer."

    def _to_measure(self, layer: Any) -> None:
        """Choose a new layer in the tab of measures: it is what comes next."""
        self.measure.layer.setCurrentIndex(self.measure.layer.findData(str(layer.unique_id)))

    # --- measures ---------------------------------------------------------

    def _on_measure(self) -> None:
        layer = self.link.find(self.measure.layer.currentData())
        if layer is not None:
            source = take(layer)
            self.run(
                f"Measure {source.name}",
                lambda progress: measure_layer(source, progress),
                self._show_measures,
            )

    def _show_measures(self, found: Measured) -> None:
        self._measured = found
        phases = found.phases
        self.measure.show_phases(found.source.name, list(phases.names.values()), found.particles)
        edits = phases.made_by.get("edits")
        note = "Intervals are within this field; segmentation error is not in them."
        if edits:
            note += f" Corrected by hand: {edits['strokes']} strokes, {edits['pixels']} pixels."
        if phases.pixel_size_um is None:
            note += " The layer has no pixel size, so lengths are in pixels."
        self.measure.note.setText(note)

    def _on_phase(self, phase: str) -> None:
        if self._measured is not None:
            self.measure.show_rows(*shown_rows(self._measured.table, phase))

    def _on_csv(self, path: str) -> None:
        if self._measured is not None:
            written = save_csv(self._measured.table, path)
            self.progress.say(f"{len(self._measured.table)} measures written.", written)

    def _on_particles(self, phase: str) -> None:
        found = self._measured
        if found is not None:
            self.run(
                f"Particles of {phase}",
                lambda progress: particle_layer(found, phase, progress),
                lambda made: self.link.add_objects(found.source, *made),
            )


def _padded(page: QWidget) -> QWidget:
    """Tab page with a margin, so that a scroll bar does not touch the fields."""
    holder = QWidget()
    column(holder, page).setContentsMargins(4, 8, 8, 4)
    return holder
