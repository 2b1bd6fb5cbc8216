"""One measured number."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measure of one phase in one field.

    Attributes
    ----------
    measure : str
        Its name.
    value : float
        NaN when it does not exist, such as the diameter of no particles.
    low, high : float
        95 % interval; NaN for none.
    unit : str
        '' for a share, a ratio or a count.
    n : int
        What was counted: blocks, particles, intercepts.
    method : str
        Standard or source, how the interval was found, and warnings.
    """

    measure: str
    value: float
    low: float
    high: float
    unit: str
    n: int
    method: str
