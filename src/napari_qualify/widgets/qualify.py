"""The widget "Qualify micrographs": references of an expert, verdicts, evidence."""

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QGroupBox, QTabWidget, QWidget

from napari_qualify.errors import UsageError
from napari_qualify.widgets import advice_tasks, library_tasks, tasks
from napari_qualify.widgets.advice_tasks import Advised
from napari_qualify.widgets.advice_view import AdviceView
from napari_qualify.widgets.criteria_view import CriteriaView
from napari_qualify.widgets.criterion_dialog import CriterionDialog
from napari_qualify.widgets.evidence_view import EvidenceView
from napari_qualify.widgets.libraries import LibraryPanel
from napari_qualify.widgets.library_tasks import LibraryView
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import Scope, button, row, scrolled, text
from napari_qualify.widgets.reference_form import ReferenceForm
from napari_qualify.widgets.sources import take
from napari_qualify.widgets.tasks import Added, Classified, ReferenceOrder
from napari_qualify.widgets.verdict_view import VerdictView

if TYPE_CHECKING:
    from napari.viewer import Viewer


class QualifyWidget(LibraryPanel):
    """Add references to a library, judge images by it, see why.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        napari passes it by this name.
    """

    question_title = "Remove a reference"

    def __init__(self, napari_viewer: "Viewer") -> None:
        super().__init__(napari_viewer)
        self.criteria = CriteriaView()
        self.references = ReferenceForm()
        self.advice = AdviceView()
        self.scope = Scope()
        self.classify = button("&Classify", "Judge the images by every criterion of the library")
        self.verdicts = VerdictView()
        self.evidence = EvidenceView()
        self.save = button("&Save report…", "Write report.html and the tables into a folder")
        self.empty = text("No verdicts yet: choose images and press Classify.")
        self.tabs = QTabWidget()
        self._classified: Classified | None = None
        self._shown = (-1, "")
        self._additions: list[list[str]] = []
        self._build()
        self._connect()
        self._count()
        self.follow()

    # --- layout ------------------------------------------------------------

    def _build(self) -> None:
        library = QGroupBox("Library")
        column(library, self.library_box).setContentsMargins(8, 8, 8, 8)
        expert = QWidget()
        layout = column(expert, self.criteria, self.references, self.advice)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addStretch(1)
        judge = QWidget()
        line = row(self.scope, self.classify, self.save, stretch=0)
        layout = column(judge, line, self.empty, self.verdicts, self.evidence)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addStretch(1)
        self.tabs.addTab(scrolled(expert), "Criteria and references")
        self.tabs.addTab(scrolled(judge), "Verdicts")
        column(self.body, library, self.tabs, stretch=1)
        self.verdicts.hide()
        self.save.setEnabled(False)
        self.setMinimumWidth(480)

    def _connect(self) -> None:
        self.link.layers_changed.connect(self._count)
        self.criteria.add_requested.connect(self._on_add_criterion)
        self.criteria.edit_requested.connect(self._on_edit_criterion)
        self.criteria.chosen.connect(self._on_criterion)
        self.advice.check_requested.connect(self._on_check)
        self.advice.next_requested.connect(self._on_next)
        self.advice.open_requested.connect(self._on_open_advised)
        self.advice.remove_requested.connect(self._on_remove_advised)
        self.references.add_requested.connect(self._on_add_references)
        self.references.draw_requested.connect(self._on_draw)
        self.references.undo_requested.connect(self._on_undo)
        self.classify.clicked.connect(self._on_classify)
        self.verdicts.chosen.connect(self._on_chosen)
        self.verdicts.show_requested.connect(self._on_show)
        self.evidence.map_requested.connect(self._on_map)
        self.save.clicked.connect(self._on_save)

    def _count(self) -> None:
        chosen, every = len(self.link.images(selected=True)), len(self.link.images())
        self.scope.count_images(chosen, every)
        self.references.count_images(chosen)

    def show_library(self) -> None:
        """Show the criteria of the open library."""
        super().show_library()
        library = self.library
        self.criteria.show_criteria(library.criteria if library else ())
        self.criteria.setEnabled(library is not None)
        self.references.setEnabled(library is not None)
        self.advice.setEnabled(library is not None)
        self.classify.setEnabled(bool(library and library.criteria))

    def _take(self, view: LibraryView) -> None:
        if self.library is None or self.library.path != view.path:
            # Additions to another library cannot be undone in this one.
            self._additions.clear()
            self.references.undo.setEnabled(False)
            self.advice.clear()
        super()._take(view)

    # --- criteria ------------------------------------------------------------

    def _on_add_criterion(self) -> None:
        dialog = CriterionDialog(parent=self)
        if dialog.exec():
            self.write_criterion(dialog.fields(), replace=False)

    def _on_edit_criterion(self, name: str) -> None:
        if self.library is None or not name:
            return
        fields = next(c for c in self.library.criteria if c["name"] == name)
        dialog = CriterionDialog(fields, parent=self)
        if dialog.exec():
            self.write_criterion(dialog.fields(), replace=True)

    def write_criterion(self, fields: dict[str, Any], *, replace: bool) -> None:
        """Add a criterion to the open library, or replace the one of that name."""
        if self.library is not None:
            library = self.library.handle
            self.attempt(lambda: library_tasks.write_criterion(library, fields, replace=replace))
            self.reload()

    def _on_criterion(self, name: str) -> None:
        self.references.show_criterion(name)
        known = self.library.criteria if self.library else ()
        self.advice.show_criterion(name, any(c["limit"] for c in known if c["name"] == name))

    # --- references ----------------------------------------------------------

    def _on_draw(self) -> None:
        def draw() -> None:
            self.link.add_region_layer(self._one_image())
            self.references.source.setCurrentIndex(1)

        self.attempt(draw)

    def _one_image(self) -> Any:
        """Return the image that a region lies on: the selected one, or the only one in sight."""
        chosen = self.link.images(selected=True)
        if not chosen:
            # Drawing selects the Shapes layer, so look for the top visible image.
            chosen = [layer for layer in self.link.images() if layer.visible][-1:]
        if len(chosen) != 1:
            raise UsageError("A region lies on one image: select it in the layer list.")
        return chosen[0]

    def _on_add_references(self, order: ReferenceOrder) -> None:
        if self.library is None:
            return
        if self.references.region:
            found = self.attempt(self._region_source)
            if found is None:
                return
            sources, region = found
        else:
            sources, region = self.link.sources(selected=True), None
        labels, library = self.link.phases(), self.library.handle

        def call(progress: Any) -> Added:
            return tasks.add_references(sources, region, order, library, labels, progress)

        self.run("Add references", call, self._on_added)

    def _region_source(self) -> Any:
        image = self._one_image()
        return [take(image)], self.link.region(image)

    def _on_added(self, added: Added) -> None:
        found = added.references
        if found:
            self._additions.append([reference.id for reference in found])
            self.references.undo.setEnabled(True)
        self.reload()
        names = ", ".join(reference.image for reference in found)
        lines = [f"Added {len(found)}: {names}" if found else "Nothing was added.", *added.notes]
        self.progress_message = "\n".join(lines)

    def _on_undo(self) -> None:
        if self.library is None or not self._additions:
            return
        library, ids = self.library.handle, self._additions.pop()
        self.attempt(lambda: library.remove_references(ids))
        self.references.undo.setEnabled(bool(self._additions))
        self.reload()
        self.progress.say(f"Removed the {len(ids)} added last.")

    # --- advice on references ----------------------------------------------------

    def _on_check(self, criterion: str) -> None:
        if self.library is not None:
            library = self.library.handle
            self.run(
                "Check references",
                lambda progress: advice_tasks.check(library, criterion, progress),
                self.advice.show_advice,
            )

    def _on_next(self, criterion: str) -> None:
        if self.library is not None:
            library = self.library.handle
            sources, labels = self.link.sources(selected=False), self.link.phases()
            self.run(
                "What to label next",
                lambda progress: advice_tasks.following(
                    sources, library, labels, criterion, progress
                ),
                self.advice.show_advice,
            )

    def _on_open_advised(self, row: Advised) -> None:
        if row.uid:
            self.link.show_alone(row.uid)
        elif self.library is not None:
            library = self.library.handle
            about = {"library": self.library.path, "key": f"reference {row.reference}"}
            self.run(
                "Open",
                lambda progress: advice_tasks.open_reference(library, row.reference, progress),
                lambda micrograph: self.link.add_micrograph(micrograph, about),
            )

    def _on_remove_advised(self, row: Advised) -> None:
        words = f"Remove the reference {row.image}? The micrograph itself stays as it is."
        if self.library is not None and self.confirm(words):
            library = self.library.handle
            self.attempt(lambda: library.remove_references(row.reference))
            self.advice.clear()
            self.reload()
            self.progress.say(f"{row.image} is no reference any more.")

    # --- verdicts --------------------------------------------------------------

    def _on_classify(self) -> None:
        if self.library is None:
            return
        sources = self.link.sources(selected=self.scope.selected)
        labels, library = self.link.phases(), self.library.handle

        def call(progress: Any) -> Classified:
            return tasks.classify_sources(sources, library, labels, progress)

        self.run("Classify", call, self._on_classified)

    def _on_classified(self, found: Classified) -> None:
        self._classified = found
        for source, assessment in zip(found.sources, found.assessments, strict=True):
            self.link.note(source.uid, {"assessment": assessment.as_dict()})
        self.empty.hide()
        self.verdicts.show()
        self.save.setEnabled(True)
        self.tabs.setCurrentIndex(1)
        self.verdicts.show_verdicts(found.assessments, found.failures)
        counts = [a.verdict for a in found.assessments]
        self.progress_message = (
            f"{counts.count('accept')} accepted, {counts.count('review')} to review, "
            f"{counts.count('reject')} rejected"
            + (f", {len(found.failures)} failed" if found.failures else "")
        )

    def _on_chosen(self, index: int, criterion: str) -> None:
        if self._classified is None:
            return
        self._shown = index, criterion
        assessments = self._classified.assessments
        if criterion:
            verdict = assessments[index][criterion]
            self.evidence.show_verdict(assessments[index], verdict, assessments.thumbnails)
        else:
            self.evidence.show_overall(assessments[index])

    def _on_show(self, index: int) -> None:
        if self._classified is not None:
            self.link.show_alone(self._classified.sources[index].uid)

    def _on_map(self) -> None:
        index, criterion = self._shown
        if self._classified is not None and criterion:
            verdict = self._classified.assessments[index][criterion]
            self.link.show_tile_map(
                self._classified.sources[index].uid, verdict.tile_map, criterion
            )

    def _on_save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the report")
        if folder:
            self.save_report(folder)

    def save_report(self, folder: str) -> None:
        """Write the report of the shown verdicts into a folder."""
        found = self._classified
        if found is None:
            return

        def call(progress: Any) -> Any:
            return tasks.save_report(found, folder, progress)

        self.run("Write report", call, self._on_saved)

    def _on_saved(self, path: Any) -> None:
        self.progress_message, self.progress_link = f"The report is in {path.parent}", path
