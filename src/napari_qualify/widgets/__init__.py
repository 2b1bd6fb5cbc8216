"""The napari window: the only place that imports qtpy, magicgui or napari."""
