"""Choice of the vectors of a library, by view and tile."""

from collections.abc import Sequence

from qtpy.QtWidgets import QComboBox

from napari_qualify.catalogue import Stored, words


class StoredBox(QComboBox):
    """Lists what a library holds vectors of; its value is the chosen one or None."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(
            "View and tile of the vectors that are compared. Vectors of different ones never mix."
        )
        self.setAccessibleName("Vectors")
        self.setPlaceholderText("nothing is embedded yet")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def offer(self, stored: Sequence[Stored]) -> None:
        """List embeddings, the fullest first, keeping the choice where it can."""
        before = self.value()
        several = len({one.encoder for one in stored}) > 1
        labels = [words(one.settings) for one in stored]
        self.blockSignals(True)
        self.clear()
        for one, label in zip(stored, labels, strict=True):
            named = f"{one.encoder}: {label}" if several else label
            if labels.count(label) > 1:
                named += f" [{one.fingerprint[:6]}]"  # other weights or preprocessing
            count = "1 micrograph" if one.count == 1 else f"{one.count} micrographs"
            self.addItem(f"{named} · {count}", one)
        marks = [one.fingerprint for one in stored]
        kept = before is not None and before.fingerprint in marks
        self.setCurrentIndex(marks.index(before.fingerprint) if kept else 0 if marks else -1)
        self.blockSignals(False)
        self.currentIndexChanged.emit(self.currentIndex())

    def value(self) -> Stored | None:
        """The chosen one."""
        found = self.currentData()
        return found if isinstance(found, Stored) else None
