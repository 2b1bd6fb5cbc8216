"""The widget "Evaluate blind": an expert judges without knowing what it is."""

from pathlib import Path
from typing import TYPE_CHECKING

from napari_qualify.evaluate.blind_form import Question, Sitting, Study, open_study
from napari_qualify.micrograph import read
from napari_qualify.widgets.blind_layer import BlindLayer
from napari_qualify.widgets.blind_view import BlindView
from napari_qualify.widgets.panel import Panel, column
from napari_qualify.widgets.parts import scrolled

if TYPE_CHECKING:
    from napari.viewer import Viewer


class BlindWidget(Panel):
    """Show the micrographs of a blind study one by one and save each verdict at once.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        napari passes it by this name.
    """

    def __init__(self, napari_viewer: "Viewer") -> None:
        super().__init__(napari_viewer)
        self.view = BlindView()
        self.layer = BlindLayer(napari_viewer)
        self.study: Study | None = None
        self.sitting: Sitting | None = None
        column(self.body, scrolled(self.view), stretch=0)
        self.setMinimumWidth(400)
        self.view.open_requested.connect(self.open_folder)
        self.view.form_chosen.connect(self.open_form)
        self.view.given.connect(self._on_given)
        self.view.back_requested.connect(lambda: self._move("back"))
        self.view.skip_requested.connect(lambda: self._move("forward"))
        self.view.undo_requested.connect(self._on_undo)

    def open_folder(self, path: str) -> None:
        """Open an exported folder, its first form, at the first open question."""
        study = self.attempt(lambda: open_study(path))
        if study is not None and self._sit(study, study.forms[0]):
            self._show()

    def open_form(self, path: str) -> None:
        """Open another form of the same folder."""
        if self.study is not None:
            self._sit(self.study, Path(path))
            self._show()

    def _sit(self, study: Study, form: Path) -> bool:
        sitting = self.attempt(lambda: Sitting(form))
        if sitting is not None:
            self.study, self.sitting = study, sitting
        if self.study is None or self.sitting is None:
            return False
        self.view.show_study(
            self.study.folder, self.study.forms, self.sitting.path, self.sitting.expert
        )
        return sitting is not None

    def _on_given(self, verdict: str) -> None:
        sitting, view = self.sitting, self.view
        if sitting is not None and not sitting.finished:
            expert, note = view.expert.text(), view.note.text()
            self.attempt(lambda: sitting.give(verdict, expert, note))
            self._show()

    def _on_undo(self) -> None:
        if self.sitting is not None:
            self.attempt(self.sitting.undo)
            self._show()

    def _move(self, way: str) -> None:
        if self.sitting is not None:
            getattr(self.sitting, way)()
            self._show()

    def _show(self) -> None:
        """Show the question in sight with its micrograph."""
        sitting, study = self.sitting, self.study
        if sitting is None or study is None:
            return
        self.view.show_progress(
            sitting.done, len(sitting), sitting.can_undo, bool(sitting.expert), self._saved()
        )
        if sitting.finished:
            self.layer.clear()
            self.view.show_question("", None)
            return
        asked = sitting.question
        seen = self._show_image(study.folder / asked["image"])
        found = next((q for q in study.questions if q.name == asked["criterion"]), None)
        self.view.show_question(f"{sitting.at + 1} of {len(sitting)}", asked, _statements(found))
        self.view.set_seen(seen)
        self.view.show_others(self.layer.others)

    def _show_image(self, path: Path) -> bool:
        """Show a micrograph; what cannot be seen is not judged."""
        if self.layer.show_again(path.stem):
            return True
        micrograph = self.attempt(lambda: read(path, name=path.stem))
        if micrograph is None:
            self.layer.clear()
            return False
        self.layer.show(micrograph, path.stem)
        return True

    def _saved(self) -> str:
        assert self.sitting is not None
        name = self.sitting.path.name
        if self.sitting.finished:
            return f"Thank you. Give {name} back to whoever gave you the folder."
        return f"Every verdict is saved at once, in {name}. You can stop now and go on later."


def _statements(question: Question | None) -> list[str]:
    if question is None:
        return []
    accept = [f"✓ {words}" for words in question.accept]
    return accept + [f"✗ {words}" for words in question.reject]
