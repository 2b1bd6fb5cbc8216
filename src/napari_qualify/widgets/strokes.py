"""Joins the strokes' tab with the viewer and with the learning from strokes."""

from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_qualify.errors import UsageError
from napari_qualify.segment.phases import phase_colour
from napari_qualify.widgets.newest import Newest
from napari_qualify.widgets.sources import take
from napari_qualify.widgets.stroke_tasks import Live, Painted, StrokeModel, checksum
from napari_qualify.widgets.strokes_view import StrokesView
from napari_qualify.widgets.viewer import ViewerLink

SETTLE = 150
"""Milliseconds without another stroke before the prediction starts."""

SMALL = 1 << 25
"""Pixels that are copied and summed between two strokes without being felt."""


class StrokesControl(QObject):
    """Follows the strokes and shows what is learned from them.

    Parameters
    ----------
    view : StrokesView
    link : ViewerLink
    parent : QObject
    """

    def __init__(self, view: StrokesView, link: ViewerLink, parent: QObject) -> None:
        super().__init__(parent)
        self.view, self.link = view, link
        self.model = StrokeModel()
        self.newest = Newest(self)
        self._uid = ""  # the image whose prediction is shown
        self._followed: set[str] = set()
        self._sums: dict[str, int] = {}
        self._revision = 0
        self._state: tuple[Any, ...] = ()  # of the last request
        self._shown = False
        self._hidden: set[str] = set()  # images whose live layers made way for the whole
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE)
        self._timer.timeout.connect(self.predict)
        view.phases.changed.connect(self._on_phases)
        view.phases.picked.connect(link.strokes.pick)
        view.live_changed.connect(self._on_live)
        view.uncertainty_changed.connect(self._on_uncertainty)
        link.layers_changed.connect(self.follow)
        link.view_changed.connect(self._on_view)
        self.newest.settled.connect(self._on_settled)
        names = link.strokes.names()
        if names:
            view.phases.show_names(names)
        self.follow()

    # --- what the user does ----------------------------------------------

    def paint(self, image: Any) -> None:
        """Let the user paint on an image."""
        phases = self.view.phases
        self.link.strokes.begin(image, phases.names(), phases.value)
        self._uid = str(image.unique_id)
        self.follow()
        if not self._painted():
            self.view.say("")

    def follow(self) -> None:
        """Listen to the layers of strokes that there are now."""
        pairs = self.link.strokes.pairs()
        for _, strokes in pairs:
            uid = str(strokes.unique_id)
            if uid not in self._followed:
                # napari holds bound methods weakly: this object can go at any time.
                strokes.events.paint.connect(self._on_strokes)
                strokes.events.set_data.connect(self._on_strokes)  # undo, and other writers
                strokes.events.data.connect(self._on_strokes)
                strokes.events.selected_label.connect(self._on_picked)
        uids = {str(strokes.unique_id) for _, strokes in pairs}
        if self._followed - uids:  # strokes that were closed no longer count
            self._sums = {uid: found for uid, found in self._sums.items() if uid in uids}
            self._changed()
        self._followed = uids
        self.model.forget({str(layer.unique_id) for layer in self.link.images()})

    def _on_strokes(self, event: Any) -> None:
        strokes = event.source
        uid = str(strokes.unique_id)
        image = next((on for on, s in self.link.strokes.pairs() if str(s.unique_id) == uid), None)
        if image is None:
            return
        if event.type == "set_data":
            # An undo and a mere redraw come as the same event: look at what there is.
            found = checksum(strokes.data)
            if found == self._sums.get(uid):
                return
            self._sums[uid] = found
        else:
            self._uid = str(image.unique_id)
            if strokes.data.size <= SMALL:
                self._sums[uid] = checksum(strokes.data)
        self._changed()

    def _changed(self) -> None:
        self._revision += 1
        self._timer.start()

    def _on_view(self) -> None:
        if self._shown:
            self._timer.start()

    def _on_picked(self, event: Any) -> None:
        self.view.phases.choose(int(event.source.selected_label))

    def _on_phases(self) -> None:
        self.link.strokes.colour(self.view.phases.names())
        self.link.strokes.pick(self.view.phases.value)
        self._changed()

    def _on_live(self, on: bool) -> None:
        if on:
            self._changed()
        else:
            self.stop()
            self.view.say("The live prediction is off.")

    def _on_uncertainty(self, on: bool) -> None:
        if on:
            self._changed()
        else:
            self.link.strokes.hide_uncertainty()

    # --- what follows ----------------------------------------------------

    def predict(self) -> None:
        """Learn and predict what is in view, unless nothing has changed."""
        if not self.view.live.isChecked() or not self._followed:
            return
        painted = self._painted()
        uids = [one.image.uid for one in painted]
        if not uids:  # the last stroke was taken back
            self.stop()
            self.view.say("")
            return
        uid = self._uid if self._uid in uids else uids[-1]
        strokes = next(s for on, s in self.link.strokes.pairs() if str(on.unique_id) == uid)
        region = self.link.strokes.visible(strokes)
        names, uncertainty = self.view.phases.names(), self.view.uncertainty.isChecked()
        state = (uid, region, tuple(names.items()), uncertainty, self._revision)
        if state == self._state:
            return
        self._state = state
        model = self.model

        def call(progress: Any) -> Live:
            return model.live(painted, names, uid, region, uncertainty, progress)

        self.newest.request(call, self._show)

    def _painted(self) -> list[Painted]:
        """Copies of the strokes on images that are open; those without a stroke are left out."""
        found = []
        for image, strokes in self.link.strokes.pairs():
            data = np.asarray(strokes.data)
            if data.size > SMALL:  # too many to copy between two strokes
                found.append(Painted(take(image), data))
            elif data.any():
                found.append(Painted(take(image), data.copy()))
        return found

    def _show(self, live: Live) -> None:
        image = self.link.find(live.uid)
        if image is None:
            return
        colours = {v: phase_colour(name) for v, name in live.phases.names.items()}
        record = live.phases.record()
        self.link.strokes.show_live(image, live.region, live.phases.labels, colours, record)
        if live.uncertainty is not None and self.view.uncertainty.isChecked():
            self.link.strokes.show_uncertainty(image, live.region, live.uncertainty)
        if live.uid in self._hidden:
            self.link.strokes.unhide_live(live.uid)
            self._hidden.discard(live.uid)
        self._shown = True
        height, width = live.region[2:]
        words = f"Predicted {width} x {height} px in {live.seconds:.1f} s."
        if not live.whole_view:
            words += " Zoom in to see all of what is in view."
        self.view.say(words)

    def _on_settled(self, error: str) -> None:
        if error:
            self.view.say(error)

    def stop(self) -> None:
        """Drop what runs and what waits."""
        self._timer.stop()
        self.newest.cancel()
        self._state = ()

    def make_way(self, uid: str) -> None:
        """Hide the live layers of an image that was segmented whole."""
        self.link.strokes.hide_live(uid)
        self._hidden.add(uid)

    # --- on request ------------------------------------------------------

    def whole(self, source: Any) -> Any:
        """Return the work of segmenting a whole image."""
        painted, names, model = self._required(), self.view.phases.names(), self.model
        return lambda progress: model.whole(painted, names, source, progress)

    def save(self, folder: str) -> Any:
        """Return the work of writing the model."""
        painted, names, model = self._required(), self.view.phases.names(), self.model
        return lambda progress: model.save(painted, names, folder, progress)

    def _required(self) -> list[Painted]:
        painted = self._painted()
        if not painted:
            raise UsageError("There are no strokes yet: press 'Paint strokes' and draw some.")
        self.stop()  # the whole image is wanted now; it learns the same strokes
        return painted
