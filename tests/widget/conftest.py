"""A viewer without a window, settings of its own, and images to work on."""

import numpy as np
import pytest
import tifffile


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    """Keep the user's list of recent libraries out of the tests."""
    from qtpy.QtCore import QSettings

    QSettings.setPath(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings")
    )


@pytest.fixture
def viewer(qtbot):
    """A viewer model: layers without a window, so no OpenGL."""
    from napari.components import ViewerModel

    return ViewerModel()


def micrograph(seed=0, side=96, pores=3):
    """Three grey levels with noise: dark discs and bright discs on a grey ground."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    image = np.full((side, side), 120.0)
    for value, count in ((40, pores), (215, 5)):
        for cy, cx in rng.uniform(10, side - 10, (count, 2)):
            image[(y - cy) ** 2 + (x - cx) ** 2 < 60] = value
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def image(viewer):
    """A calibrated image layer, 0.5 um a pixel, not at the origin."""
    return viewer.add_image(
        micrograph(),
        name="field",
        scale=(0.5, 0.5),
        translate=(10, 20),
        units=("um", "um"),
        axis_labels=("y", "x"),
    )


@pytest.fixture
def tiff(tmp_path):
    """Write a micrograph to a file and return its path."""

    def write(name="field.tif", **keywords):
        path = tmp_path / name
        tifffile.imwrite(path, micrograph(**keywords))
        return path

    return write


@pytest.fixture
def messages():
    """Messages that napari was asked to show since the test began."""
    from napari.utils.notifications import notification_manager

    start = len(notification_manager.records)
    return lambda: [note.message for note in notification_manager.records[start:]]


@pytest.fixture
def make_micrograph():
    """The maker of micrographs: seed, side, number of pores."""
    return micrograph


@pytest.fixture
def run(qtbot):
    """Press something that starts work, wait for its end, return what is said of it."""

    def wait(widget, press):
        with qtbot.waitSignal(widget.runner.finished, timeout=60_000):
            press()
        return widget.progress.label.text()

    return wait
