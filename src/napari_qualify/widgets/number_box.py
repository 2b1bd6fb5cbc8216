"""A box for a number that gives back what it was given when nobody touched it."""

from qtpy.QtWidgets import QDoubleSpinBox


class NumberBox(QDoubleSpinBox):
    """A spin box without rounding of what it is given; its least value may stand for None.

    A spin box rounds to its decimals and clips to its range; a number that
    comes from a library must not change because its dialog was opened.

    Parameters
    ----------
    least, most : float
        Range of what can be typed.
    decimals : int
        Of what can be typed; zeros at the end are not shown.
    none_text : str
        What the least value says; it then stands for None.
    """

    def __init__(self, least: float, most: float, decimals: int, none_text: str = "") -> None:
        super().__init__()
        self._shown: float | None = None
        self._given: float | None = None
        self.setRange(least, most)
        self.setDecimals(decimals)
        if none_text:
            self.setSpecialValueText(none_text)

    def textFromValue(self, value: float) -> str:
        """Return the number without zeros at its end."""
        whole, point, part = super().textFromValue(value).partition(self.locale().decimalPoint())
        part = part.rstrip("0")
        return f"{whole}{point}{part}" if part else whole

    def set_number(self, value: float | None) -> None:
        """Show a number, or None where the least value stands for it."""
        self.setValue(self.minimum() if value is None else value)
        self._shown, self._given = self.value(), value

    def number(self) -> float | None:
        """Return the number that was set if the box was not touched, else the one in it."""
        if self.value() == self._shown:
            return self._given
        if self.specialValueText() and self.value() <= self.minimum():
            return None
        return self.value()
