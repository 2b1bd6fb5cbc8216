"""The widget "Evaluate verdicts": the library against experts, and blind studies."""

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QGroupBox, QTabWidget, QWidget

from napari_qualify.widgets import evaluate_tasks
from napari_qualify.widgets.blind_study_view import BlindStudyView
from napari_qualify.widgets.evaluate_form import EvaluateForm
from napari_qualify.widgets.evaluate_results import (
    AgreementView,
    MetricsView,
    MisjudgedView,
    PlotsView,
)
from napari_qualify.widgets.evaluate_tasks import Evaluated
from napari_qualify.widgets.evidence_view import EvidenceView
from napari_qualify.widgets.libraries import LibraryPanel
from napari_qualify.widgets.panel import column
from napari_qualify.widgets.parts import scrolled, text

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer


class EvaluateWidget(LibraryPanel):
    """Compare the verdicts of a library with those of experts, and see where they part.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        napari passes it by this name.
    """

    def __init__(self, napari_viewer: "Viewer") -> None:
        super().__init__(napari_viewer)
        self.form = EvaluateForm()
        self.metrics, self.plots = MetricsView(), PlotsView()
        self.misjudged, self.evidence = MisjudgedView(), EvidenceView()
        self.experts = AgreementView()
        self.study = BlindStudyView()
        self.empty = text(
            "Choose a table of experts' verdicts and press Evaluate. None at hand? Make a blind "
            "study in the other tab."
        )
        self.results, self.tabs = QTabWidget(), QTabWidget()
        self._found: Evaluated | None = None
        self._refocus = False
        self._build()
        self._connect()
        self._count()
        self.follow()

    def _build(self) -> None:
        library = QGroupBox("Library")
        column(library, self.library_box).setContentsMargins(8, 8, 8, 8)
        wrong = QWidget()
        column(wrong, self.misjudged, self.evidence).addStretch(1)
        for name, page in (
            ("Metrics", scrolled(self.metrics)),
            ("Plots", self.plots),
            ("Misjudged", scrolled(wrong)),
            ("Experts", scrolled(self.experts)),
        ):
            holder = QWidget()
            column(holder, page, stretch=0).setContentsMargins(4, 6, 4, 4)
            self.results.addTab(holder, name)
        evaluate, study = QWidget(), QWidget()
        column(evaluate, self.form, self.empty, self.results, stretch=2).setContentsMargins(
            4, 8, 4, 4
        )
        evaluate.layout().addStretch(0)
        column(study, self.study).setContentsMargins(4, 8, 4, 4)
        self.tabs.addTab(evaluate, "Evaluate")
        self.tabs.addTab(scrolled(study), "Blind study")
        column(self.body, library, self.tabs, stretch=1)
        self.results.hide()
        self.setMinimumWidth(500)

    def _connect(self) -> None:
        self.link.layers_changed.connect(self._count)
        self.form.evaluate_requested.connect(self._on_evaluate)
        self.form.save_requested.connect(self._on_save)
        self.misjudged.chosen.connect(self._on_chosen)
        self.study.export_requested.connect(self._on_export)
        self.study.import_requested.connect(self._on_import)
        self.runner.finished.connect(self._on_idle)

    def _count(self) -> None:
        self.form.scope.count_images(len(self.link.images(selected=True)), len(self.link.images()))

    def show_library(self) -> None:
        """Follow the open library: its criteria can be evaluated and asked for."""
        super().show_library()
        criteria = self.library.criteria if self.library else ()
        self.form.set_ready(bool(criteria))
        self.study.offer([criterion["name"] for criterion in criteria])

    # --- evaluation ------------------------------------------------------------

    def _on_evaluate(self) -> None:
        if self.library is None:
            return
        library, form = self.library.handle, self.form
        labels, folder = form.labels.path, form.folder.path if form.scope.folder else None
        if form.scope.layers:
            sources = self.link.sources(selected=form.scope.selected)
            phases = self.link.phases()

            def call(progress: Any) -> Evaluated:
                return evaluate_tasks.evaluate_layers(library, labels, sources, phases, progress)
        else:

            def call(progress: Any) -> Evaluated:
                return evaluate_tasks.evaluate_files(library, labels, folder, progress)

        self.run("Evaluate", call, self._on_evaluated)

    def _on_evaluated(self, found: Evaluated) -> None:
        from napari_qualify.evaluate.plots import metric_name

        self._found = found
        metrics, judged = found.evaluation.metrics, len(found.evaluation.table)
        names = {metric: metric_name(metric) for metric in metrics["metric"].unique()}
        self.metrics.show_metrics(metrics, names, found.notes)
        self.plots.show_pictures(found.pictures)
        self.misjudged.show_wrong(found.wrong, judged)
        self.evidence.clear()
        self.results.setTabText(2, f"Misjudged ({len(found.wrong)})")
        self.results.setTabVisible(3, found.experts is not None)
        if found.experts is not None:
            self.experts.show_agreement(found.experts)
        self.empty.hide()
        self.results.show()
        self.form.save.setEnabled(True)
        images = found.evaluation.table["image"].nunique()
        self.progress_message = f"{judged} verdicts on {images} micrographs compared."

    def _on_chosen(self, row: int) -> None:
        """Show a misjudged micrograph with its verdict, the truth and the evidence."""
        if self._found is None:
            return
        one = self._found.wrong.iloc[row]
        evaluation = self._found.evaluation
        assessment = next(a for a in evaluation.assessments if a.image == one["image"])
        verdict = assessment[one["criterion"]]
        self.misjudged.show_truth(one["truth"], one["expert"], one["kind"])
        self.evidence.show_verdict(assessment, verdict, evaluation.assessments.thumbnails)
        uid = self._found.layers.get(assessment.image, "")
        if self.link.find(uid) is not None:
            self.link.show_alone(uid)
        elif assessment.image in evaluation.paths:
            self._open(assessment, evaluation.paths[assessment.image])
        else:
            self.progress.say(f"{assessment.image}: the layer is not there any more.")

    def _open(self, assessment: Any, path: "Path") -> None:
        if self.runner.busy:
            return
        name = assessment.image
        self._refocus = True

        def show(micrograph: Any) -> None:
            metadata = {"key": micrograph.key, "assessment": assessment.as_dict()}
            layer = self.link.add_micrograph(micrograph, metadata)
            self.link.show_alone(str(layer.unique_id))

        self.run(
            f"Open {name}",
            lambda progress: evaluate_tasks.open_file(path, name, progress),
            show,
        )

    def _on_idle(self, _: str) -> None:
        if self._refocus:
            self._refocus = False
            self.misjudged.table.setFocus()  # the lock has taken it, and arrows go to the next

    def _on_save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the tables and plots")
        if folder:
            self.save_tables(folder)

    def save_tables(self, folder: str) -> None:
        """Write the tables and plots of the shown evaluation into a folder."""
        found = self._found
        if found is not None:
            self.run(
                "Write tables",
                lambda progress: evaluate_tasks.save_evaluation(found, folder, progress),
                self._on_saved,
            )

    def _on_saved(self, path: "Path") -> None:
        self.progress_message = f"The tables and plots are in {path.parent}"
        self.progress_link = path

    # --- blind studies -----------------------------------------------------------

    def _on_export(self) -> None:
        if self.library is None:
            return
        view, settings = self.study, self.study.settings() | {"library": self.library.handle}
        folder, out, key = view.folder.path, view.out.path, view.key.path
        self.run(
            "Export",
            lambda progress: evaluate_tasks.export_study(folder, out, key, settings, progress),
            self._on_exported,
        )

    def _on_exported(self, done: Any) -> None:
        lines = [f"{done.images} images and {', '.join(done.forms)} are in {done.folder.name}."]
        lines += [f"The key is {done.key.name}: keep it from the experts."]
        lines += [f"• {note}" for note in done.notes]
        lines += [f"• {failure.error}" for failure in done.failures]
        self.study.result.setText("\n".join(lines))
        self.study.source.choose(str(done.folder))
        self.study.known.choose(str(done.key))

    def _on_import(self) -> None:
        view = self.study
        source, key, out = view.source.path, view.known.path, view.labels.path
        expert = view.expert.text().strip()
        self.run(
            "Import",
            lambda progress: evaluate_tasks.import_study(source, key, out, expert, progress),
            self._on_imported,
        )

    def _on_imported(self, done: Any) -> None:
        imported, path = done
        lines = [
            f"{c.form}{f' ({c.expert})' if c.expert else ''}: {c.accept} accepted, "
            f"{c.reject} rejected, {c.unsure} unsure, {c.open} open"
            for c in imported.counts
        ]
        if len(imported.repeats):
            lines.append(f"Repeats: the same verdict on {imported.same} of {len(imported.repeats)}")
        lines.append(f"{path.name} is chosen in the tab Evaluate now.")
        self.study.result.setText("\n".join(lines))
        self.form.labels.choose(str(path))
