"""The widget "Embed micrographs": vectors in the library, search among them, a map."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QGroupBox, QTabWidget, QWidget

from napari_qualify.catalogue import Entry, Stored, stored_embeddings
from napari_qualify.embed.registry import encoder_status, spec_status
from napari_qualify.embed.settings import OVERLAP, EmbedSettings
from napari_qualify.widgets import embed_tasks, search_tasks
from napari_qualify.widgets.embed_tasks import Embedded, Running
from napari_qualify.widgets.embed_view import EmbedView
from napari_qualify.widgets.encoder_box import EncoderBox
from napari_qualify.widgets.libraries import LibraryPanel
from napari_qualify.widgets.library_tasks import LibraryView
from napari_qualify.widgets.map_view import MapView
from napari_qualify.widgets.micrograph_table import MicrographTable
from napari_qualify.widgets.newest import Newest
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import scrolled
from napari_qualify.widgets.search_tasks import Found, Opened, Query
from napari_qualify.widgets.search_view import SearchView
from napari_qualify.widgets.sources import take

if TYPE_CHECKING:
    from napari.viewer import Viewer

WIDTH = 460
"""Least width in pixels, at which a row of the tables is in sight."""

SEARCH, MAP = 1, 2  # tabs
PICTURED = 60
"""Rows of a list that get a picture."""


class EmbedWidget(LibraryPanel):
    """Encode micrographs into a library, search it, and see it as a map.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        napari passes it by this name.
    """

    question_title = "Fetch a model"

    def __init__(self, napari_viewer: "Viewer") -> None:
        super().__init__(napari_viewer)
        self.encoder = EncoderBox(encoder_status(), spec_status, fetch=True)
        self.embedding = EmbedView(self.encoder, OVERLAP)
        self.search = SearchView()
        self.map = MapView()
        self.tabs = QTabWidget()
        self._shelf = search_tasks.PictureShelf()
        self.pictures = {id(view): Newest(self) for view in (self.search, self.map)}
        self._path = ""
        self._refocus = False
        self._plan: Any = None
        self._build()
        self._connect()
        self._count()
        self.follow()

    def _build(self) -> None:
        library = QGroupBox("Library")
        column(library, self.library_box).setContentsMargins(8, 8, 8, 8)
        self.tabs.setDocumentMode(True)
        for name, page, tip in (
            ("Embed", self.embedding, "Encode micrographs into the library"),
            ("Search", self.search, "Find micrographs by words or by an image"),
            ("Map", self.map, "See all micrographs of the library at once"),
        ):
            holder = QWidget()
            column(holder, page).setContentsMargins(4, 8, 8, 4)
            self.tabs.addTab(scrolled(holder), name)
            self.tabs.setTabToolTip(self.tabs.count() - 1, tip)
        column(self.body, library, self.tabs, stretch=1)
        self.setMinimumWidth(WIDTH)

    def _connect(self) -> None:
        self.link.layers_changed.connect(self._count)
        self.encoder.changed.connect(lambda _: self._check())
        self.encoder.fetch_requested.connect(self._on_fetch)
        self.embedding.embed_requested.connect(self._on_embed)
        self.search.search_requested.connect(self._on_search)
        self.search.open_requested.connect(self._on_open)
        self.search.save_requested.connect(self._on_save)
        self.map.map_requested.connect(self._draw_map)
        self.map.chosen.connect(lambda entries: self._picture(self.map, self.map.table, entries))
        self.map.open_requested.connect(self._on_open)
        self.map.like_requested.connect(self._on_like)
        self.tabs.currentChanged.connect(lambda _: self._draw_map())
        self.runner.finished.connect(self._on_idle)

    def stop_work(self) -> None:
        """Stop the task and the reading of pictures."""
        super().stop_work()
        for newest in getattr(self, "pictures", {}).values():
            newest.cancel()

    # --- the library and the layers -------------------------------------------

    def _count(self) -> None:
        images = self.link.images()
        chosen = self.link.images(selected=True)
        self.embedding.scope.count_images(len(chosen), len(images))
        self.search.offer_layers([(str(layer.unique_id), str(layer.name)) for layer in images])

    def show_library(self) -> None:
        """Follow the library that is open: its encoder, what it has vectors of."""
        super().show_library()
        library = self.library
        path = "" if library is None else library.path
        if path != self._path:
            self._path = path
            self.search.forget()
            self.map.clear("")
            if library is not None:
                self.encoder.choose(library.encoder)
                self._offer_settings(library)
        stored: list[Stored] = []
        if library is not None:
            stored = self.attempt(lambda: stored_embeddings(library.handle)) or []
        for box in (self.search.stored, self.map.stored):
            box.offer(stored)
        if not stored:
            self.map.clear("Open a library and embed some micrographs: the map shows them.")
        self.search.set_ready(library is not None)
        self._check()

    def _offer_settings(self, library: LibraryView) -> None:
        """Offer what most criteria want: such vectors compare with those of the references."""
        wanted = Counter((c["view"], c["tile_um"]) for c in library.criteria if not c["limit"])
        for (view, tile_um), _ in wanted.most_common(1):
            self.embedding.view.set_value(view)
            self.embedding.tile.set_tile(tile_um)

    def _check(self) -> None:
        """Say what stands against an embedding: no library, or another encoder than its own."""
        if self.library is None:
            self.embedding.show_state(False, "")
            return
        own, spec = self.library.encoder, self.encoder.value()
        words = ""
        if spec != own:
            name = self.library_box.name.text()
            words = (
                f"{name} belongs to the encoder {own}: vectors of another one do not compare with "
                f"its. Choose {own}, or press New… above to make a library for {spec or 'another'}."
            )
        self.embedding.show_state(True, words)

    def _settings(self) -> EmbedSettings:
        form = self.embedding
        return EmbedSettings(form.view.value(), form.tile.tile_um(), form.overlap.overlap())

    def _show_running(self, running: Running | None) -> None:
        if running is not None:
            self.encoder.show_running(running.spec, running.device, running.precision)

    # --- embedding ------------------------------------------------------------

    def _on_embed(self) -> None:
        if self.library is None:
            return
        library, form = self.library.handle, self.embedding
        settings = self.attempt(self._settings)
        if settings is None:
            return
        if form.scope.folder:
            folder, pixel = form.path, form.pixel.value() or None
            self.run(
                "Embed",
                lambda progress: embed_tasks.embed_folder(
                    folder, library, settings, pixel, progress
                ),
                self._show_embedded,
            )
            return
        sources, labels = self.link.sources(selected=form.scope.selected), self.link.phases()
        self.run(
            "Embed",
            lambda progress: embed_tasks.embed_sources(
                sources, library, settings, labels, progress
            ),
            self._show_embedded,
        )

    def _show_embedded(self, done: Embedded) -> None:
        words = f"{done.new} newly encoded, {done.stored} from the library's store"
        words += f"; {done.dim} numbers each." if done.dim else "."
        if done.failures:
            words += f" {len(done.failures)} failed."
        lines = [words, *(f"• {note}" for note in done.notes)]
        self.embedding.show_done("\n".join(lines), done.failures)
        self._show_running(done.running)
        self.reload()

    # --- fetching -------------------------------------------------------------

    def _on_fetch(self, spec: str) -> None:
        def planned(plan: Any) -> None:
            self._plan = plan  # asked about when the worker has ended

        self.run("Fetch", lambda progress: embed_tasks.plan_fetch(spec, progress), planned)

    def _ask_fetch(self, plan: Any) -> None:
        where = ", ".join(map(str, plan.folders))
        if not plan.size:
            self.progress.say(f"{plan.spec} is on this computer already: {where}")
        elif self.confirm(f"Fetch {plan.spec}: {plan.size / 1e6:.0f} MB into {where}?"):

            def show(rows: list[Any]) -> None:
                self.encoder.show_rows(rows)
                self.progress_message = f"{plan.spec} is on this computer now."

            self.run(
                f"Fetch {plan.spec}",
                lambda progress: embed_tasks.fetch_model(plan, progress),
                show,
            )

    # --- search ---------------------------------------------------------------

    def _on_search(self) -> None:
        view, stored = self.search, self.search.stored.value()
        if self.library is None or stored is None:
            return
        library, labels = self.library.handle, self.link.phases()
        how: dict[str, Any] = {"most": view.most, "limit": view.limit.value()}
        if view.by_text:
            how["text"] = view.words.text().strip()
        elif view.key:
            how["key"] = view.key
        else:
            layer = self.link.find(view.layer)
            if layer is None:
                return
            how["source"] = take(layer)
        query = Query(stored, **how)
        self.run(
            "Search",
            lambda progress: search_tasks.find(library, query, labels, progress),
            self._show_found,
        )

    def _show_found(self, found: Found) -> None:
        self._show_running(found.running)
        self._refocus = self.search.by_text
        if found.ranking is None:
            self.search.clear(f"{found.refused}\nA search by an image needs no text model.")
            return
        self.search.show_ranking(found.ranking)
        self._picture(self.search, self.search.table, list(found.ranking.entries))

    def _picture(self, view: QWidget, table: MicrographTable, entries: list[Entry]) -> None:
        """Read the pictures of a list without locking anything."""
        if self.library is None:
            return
        library, shelf, some = self.library.handle, self._shelf, entries[:PICTURED]
        layers = self.link.sources(selected=False)
        self.pictures[id(view)].request(
            lambda progress: shelf.pictures(library, some, layers, progress), table.show_pictures
        )

    def _on_save(self, path: str) -> None:
        ranking = self.search.ranking
        if ranking is not None:
            written = search_tasks.save_ranking(ranking, path)
            self.progress.say(f"{len(ranking.entries)} rows written.", written)

    def _on_open(self, entries: list[Entry]) -> None:
        if self.library is not None:
            library, layers = self.library.handle, self.link.sources(selected=False)
            self.run(
                "Open",
                lambda progress: search_tasks.open_entries(library, entries, layers, progress),
                self._show_opened,
            )

    def _show_opened(self, opened: Opened) -> None:
        for entry, micrograph, uid in opened.micrographs:
            metadata = {"library": self._path, "key": entry.key}
            self.link.add_micrograph(micrograph, metadata, uid)
        lines = list(opened.failures)
        if opened.left:
            lines.append(f"{opened.left} more were not opened: choose fewer at a time.")
        self.progress_message = "\n".join(lines)

    # --- the map ----------------------------------------------------------------

    def _draw_map(self) -> None:
        """Draw the map that is asked for, when its tab is in sight and nothing runs."""
        stored, wanted = self.map.stored.value(), self.map.wanted
        in_sight = self.tabs.currentIndex() == MAP
        if self.library is None or stored is None or not in_sight or self.runner.busy:
            return
        if wanted == self.map.shown:
            return
        library, method = self.library.handle, str(self.map.method.currentData())
        self.map.begin(wanted)
        self.run(
            "Map",
            lambda progress: search_tasks.make_map(library, stored, method, progress),
            self.map.show_map,
        )

    def _on_idle(self, _: str) -> None:
        plan, self._plan = self._plan, None
        if plan is not None:
            self._ask_fetch(plan)
        if self._refocus:
            self._refocus = False
            self.search.words.setFocus()  # the lock has taken it
        self._draw_map()

    def _on_like(self, entry: Entry) -> None:
        self.search.stored.setCurrentIndex(self.map.stored.currentIndex())
        self.tabs.setCurrentIndex(SEARCH)
        self.search.ask_like(entry)
