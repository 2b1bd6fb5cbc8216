"""A panel with a library: opening, making and showing one."""

from pathlib import Path
from typing import Any

from napari_qualify.widgets import library_tasks
from napari_qualify.widgets.library_box import LibraryBox
from napari_qualify.widgets.library_tasks import LibraryView
from napari_qualify.widgets.panel import Panel
from napari_qualify.widgets.recent import remember


class LibraryPanel(Panel):
    """Base of the widgets that work with a library.

    The library that is open is shared by the widgets of a viewer; it may be
    used from several threads, and what it holds lies on disk.

    Attributes
    ----------
    library : LibraryView or None
        What is shown of the open library.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.library: LibraryView | None = None
        self.library_box = LibraryBox()
        self.library_box.open_requested.connect(self.open_library)
        self.library_box.create_requested.connect(self.create_library)
        self.library_box.lot_requested.connect(self.build_lot)
        self.session.library_changed.connect(self._on_session)

    def follow(self) -> None:
        """Show the library that another widget of this viewer has opened."""
        if self.session.library is not None:
            self._on_session(self.session.library)
        else:
            self.show_library()

    def open_library(self, path: str) -> None:
        """Open a library for all widgets of the viewer."""
        view = self.attempt(lambda: library_tasks.look(path))
        if view is not None:
            self._take(view)

    def create_library(self, path: str, encoder: str) -> None:
        """Make an empty library and open it."""
        view = self.attempt(lambda: library_tasks.create(path, encoder))
        if view is not None:
            self._take(view)

    def build_lot(self, path: str, encoder: str) -> None:
        """Make a library of the rendered lot and open it."""
        self.run(
            f"Build {Path(path).name}",
            lambda progress: library_tasks.build_lot(path, encoder, progress),
            self._take,
        )

    def reload(self) -> None:
        """Read the open library again after it was changed."""
        if self.library is not None:
            handle = self.library.handle
            self.library = self.attempt(lambda: library_tasks.view_of(handle))
            self.show_library()

    def show_library(self) -> None:
        """Show `library`; a subclass shows more of it."""
        self.library_box.show_library(self.library)

    def _take(self, view: LibraryView) -> None:
        remember(view.path)
        self.library = view
        self.show_library()
        self.session.library = view.handle

    def _on_session(self, library: Any) -> None:
        if self.library is None or self.library.handle is not library:
            self.library = self.attempt(lambda: library_tasks.view_of(library))
            self.show_library()
