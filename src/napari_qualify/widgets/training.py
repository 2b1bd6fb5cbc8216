"""Joins the training's tab with a worker of its own, so that the other tabs stay usable."""

from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject, Signal

from napari_qualify.widgets.sources import take
from napari_qualify.widgets.train_tasks import Glance, TrainOrder, TrainSession
from napari_qualify.widgets.train_view import TrainView
from napari_qualify.widgets.viewer import ViewerLink
from napari_qualify.widgets.workers import Runner


class _Relay(QObject):
    """Carries glances from the worker's thread; lives as long as the work."""

    glanced = Signal(object)


class TrainControl(QObject):
    """Runs a training, shows how it goes, and keeps its best network.

    Parameters
    ----------
    view : TrainView
    link : ViewerLink
    parent : QObject

    Signals
    -------
    saved : str
        A model folder was written here.
    """

    saved = Signal(str)

    def __init__(self, view: TrainView, link: ViewerLink, parent: QObject) -> None:
        super().__init__(parent)
        self.view, self.link = view, link
        self.runner = Runner(self)
        self.writer = Runner(self)  # the best network can be written while it trains
        self.session: TrainSession | None = None
        self._message = ""
        self._relay: _Relay | None = None
        view.train_requested.connect(self._on_train)
        view.resume_requested.connect(self._on_resume)
        view.save_requested.connect(self.save)
        view.progress.cancel_requested.connect(self.runner.cancel)
        self.runner.started.connect(self._on_started)
        self.runner.progressed.connect(view.progress.update_to)
        self.runner.finished.connect(self._on_finished)
        link.layers_changed.connect(self.offer)
        self.offer()

    def offer(self) -> None:
        """List the layers that can be learned from."""
        self.view.pairs.offer(
            [_offer(layer) for layer in self.link.images()],
            [_offer(layer) for layer in self.link.masks()],
        )

    def order(self) -> TrainOrder:
        """What the form says."""
        view = self.view
        settings = view.network.settings()
        names = view.names.text().strip()
        if view.way.currentText() == "Folders":
            box = view.folders
            images, masks, split = (
                line.text().strip() for line in (box.images, box.masks, box.split)
            )
            return TrainOrder((), images, masks, split, names, settings)
        layers = []
        for image, labels, specimen in view.pairs.pairs():
            found = self.link.find(image), self.link.find(labels)
            if None not in found:
                layers.append((take(found[0]), take(found[1]), specimen))
        return TrainOrder(tuple(layers), names=names, settings=settings)

    def _on_train(self) -> None:
        order = self.order()
        if not order.layers and not order.images:
            show_error(
                "There is nothing to learn from yet: add pairs of an image layer and a Labels "
                "layer (Fill finds them), or choose folders."
            )
            return
        self.session = TrainSession(order)
        self.view.show_glance((), None, {})
        self._run()

    def _on_resume(self) -> None:
        if self.session is not None:
            self._run()

    def _run(self) -> None:
        assert self.session is not None
        session, relay = self.session, _Relay()
        self._relay = relay  # it belongs to this thread, and must end in it
        relay.glanced.connect(self._on_glance)

        def call(progress: Any) -> TrainSession:
            return session.run(progress, relay.glanced.emit)

        self.runner.run("Train", call, self._done)

    def save(self, folder: str) -> None:
        """Write the best network; while it trains, that of now."""
        session = self.session
        if session is None:
            return
        if not self.writer.busy:
            self.writer.run(
                "Save the model", lambda progress: session.save(folder, progress), self._on_saved
            )

    def _on_saved(self, path: Path) -> None:
        show_info(f"The model is in {path}.")
        self.saved.emit(str(path))

    def _on_glance(self, glance: Glance) -> None:
        self.view.show_glance(glance.points, glance.preview, glance.names)
        self._show_state()

    def _done(self, session: TrainSession) -> None:
        self._message = "Trained. Save the best network to use it."

    def _on_started(self, title: str) -> None:
        self.view.progress.start(title)
        self._show_state()

    def _on_finished(self, message: str) -> None:
        best = self.session is not None and self.session.best is not None
        if message == "Stopped." and best:
            message = "Stopped. The best network so far is kept: save it, or go on."
        self.view.progress.stop(message or self._message)
        self._message = ""
        self._show_state()

    def _show_state(self) -> None:
        session = self.session
        self.view.show_state(
            running=self.runner.busy,
            can_resume=session is not None and session.can_resume,
            best=session is not None and session.best is not None,
        )


def _offer(layer: Any) -> tuple[str, str, tuple[int, int]]:
    level = layer.data[0] if layer.multiscale else layer.data
    shape = level.shape[:-1] if getattr(layer, "rgb", False) else level.shape
    return str(layer.unique_id), str(layer.name), tuple(int(side) for side in shape[-2:])
