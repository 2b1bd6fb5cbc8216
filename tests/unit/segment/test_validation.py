import numpy as np
import pytest

from napari_qualify.segment.validation import confusion, intersection_over_union


def test_intersection_over_union_by_hand():
    truth = np.array([[0, 0, 1, 1], [-1, 2, 2, -1]])
    found = np.array([[0, 1, 1, 1], [0, 2, 0, 2]])
    table = confusion(truth, found, 4)
    expected = np.zeros((4, 4), int)
    expected[0, 0], expected[0, 1], expected[1, 1], expected[2, 2], expected[2, 0] = 1, 1, 2, 1, 1
    assert np.array_equal(table, expected)
    iou = intersection_over_union(table)
    assert iou[:3] == pytest.approx([1 / 3, 2 / 3, 1 / 2]) and np.isnan(iou[3])
