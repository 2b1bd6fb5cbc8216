"""Only the newest request counts, and one runs at a time."""

import threading
import time

import pytest
from qtpy.QtCore import QObject

from napari_qualify.errors import QualifyError
from napari_qualify.widgets.newest import Newest


@pytest.fixture
def newest(qtbot):
    parent = QObject()
    yield Newest(parent)


def settle(qtbot, newest, press):
    with qtbot.waitSignal(newest.settled, timeout=10_000) as blocker:
        press()
    return blocker.args[0]


def test_only_the_newest_is_shown(qtbot, newest):
    got, running, most = [], [0], [0]

    def work(number):
        def call(progress):
            running[0] += 1
            most[0] = max(most[0], running[0])
            try:
                for step in range(10):
                    progress("working", step, 10)
                    time.sleep(0.005)
            finally:
                running[0] -= 1
            return number

        return call

    settle(qtbot, newest, lambda: [newest.request(work(n), got.append) for n in range(30)])
    assert got == [29]
    assert most == [1]


def test_result_of_a_task_that_cannot_stop_is_dropped(qtbot, newest):
    begun, release, got = threading.Event(), threading.Event(), []

    def stuck(progress):
        begun.set()
        release.wait(5)
        return "old"

    def press():
        newest.request(stuck, got.append)
        qtbot.waitUntil(begun.is_set)
        newest.request(lambda progress: "new", got.append)
        release.set()

    settle(qtbot, newest, press)
    assert got == ["new"]


def test_error_of_the_core_is_a_line_and_no_message(qtbot, newest, messages):
    def call(progress):
        raise QualifyError("paint more")

    assert settle(qtbot, newest, lambda: newest.request(call, print)) == "paint more"
    assert messages() == []
    assert settle(qtbot, newest, lambda: newest.request(lambda progress: 1, lambda _: None)) == ""


def test_cancel_drops_what_runs_and_what_waits(qtbot, newest):
    got = []

    def call(progress):
        for step in range(500):
            progress("working", step, 500)
            time.sleep(0.01)

    def press():
        newest.request(call, got.append)
        newest.request(call, got.append)
        newest.cancel()

    start = time.monotonic()
    settle(qtbot, newest, press)
    assert time.monotonic() - start < 2
    assert got == []
    assert not newest.busy


def test_work_stops_when_its_widget_goes(qtbot):
    ended = threading.Event()

    def call(progress):
        try:
            for step in range(500):
                progress("working", step, 500)
                time.sleep(0.01)
        finally:
            ended.set()

    parent = QObject()
    Newest(parent).request(call, print)
    qtbot.wait(50)
    parent.deleteLater()
    qtbot.waitUntil(ended.is_set, timeout=2000)
