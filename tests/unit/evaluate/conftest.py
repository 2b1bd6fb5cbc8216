"""Judged tables made of plain arrays."""

import numpy as np
import pytest

from napari_qualify.evaluate.table import frame


@pytest.fixture(scope="session")
def make_table():
    """Judged table of truth, score and, where given, verdicts, groups and p-values."""

    def make(
        truth,
        score,
        *,
        cut=0.0,
        verdict=None,
        group=None,
        p_accept=None,
        p_reject=None,
        criterion="pores",
        setting="default",
    ):
        rows = []
        for i, (t, s) in enumerate(zip(truth, score, strict=True)):
            known = s is not None and np.isfinite(s)
            call = ("accept" if s >= cut else "reject") if known else ""
            rows.append(
                [
                    *(f"{i:03}.tif", f"{i:03}.tif", criterion),
                    str(group[i]) if group is not None else f"{i:03}",
                    *("accept" if t else "reject", "E", setting, s, cut if known else None, call),
                    verdict[i] if verdict is not None else call or "review",
                    None if p_accept is None else p_accept[i],
                    None if p_reject is None else p_reject[i],
                ]
            )
        return frame(rows)

    return make
