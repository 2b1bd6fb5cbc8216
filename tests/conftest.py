"""Shared set-up: what napari's own pytest fixtures need to be strict."""

import os

# Before napari is imported: touching the viewer off the main thread, and
# widgets that outlive their window, are errors.
os.environ["NAPARI_ENSURE_PLUGIN_MAIN_THREAD"] = "1"
os.environ["NAPARI_STRICT_QT"] = "1"
