"""Work runs off the main thread, reports, stops, and survives its widget."""

import threading
import time

import pytest
from qtpy.QtCore import QObject

from napari_qualify.errors import Cancelled, QualifyError
from napari_qualify.widgets import workers
from napari_qualify.widgets.workers import Runner


def wait(qtbot, runner, start, timeout=10_000):
    with qtbot.waitSignal(runner.finished, timeout=timeout) as blocker:
        start()
    return blocker.args[0]


def busy(progress, steps=400):
    for done in range(steps):
        progress("counting", done, steps)
        time.sleep(0.02)
    return steps


@pytest.fixture
def runner(qtbot):
    parent = QObject()
    yield Runner(parent)


def test_result_comes_on_the_main_thread(qtbot, runner):
    got = []
    main = threading.get_ident()

    def call(progress):
        return threading.get_ident()

    wait(
        qtbot,
        runner,
        lambda: runner.run("x", call, lambda r: got.append((r, threading.get_ident()))),
    )
    ((worked, arrived),) = got
    assert worked != main
    assert arrived == main
    assert not runner.busy


def test_progress_arrives_and_a_new_stage_is_never_dropped(qtbot, runner):
    seen = []
    runner.progressed.connect(lambda *args: seen.append((*args, threading.get_ident())))

    def call(progress):
        for stage in ("a", "b", "c"):
            for done in range(1000):
                progress(stage, done, 1000)
            progress(stage, 1000, 1000)

    wait(qtbot, runner, lambda: runner.run("x", call, print))
    assert {stage for stage, *_ in seen} == {"a", "b", "c"}
    main = threading.get_ident()
    assert {("b", 0, 1000, main), ("c", 0, 1000, main), ("c", 1000, 1000, main)} <= set(seen)
    assert len(seen) < 300  # the event loop is not flooded


def test_cancel_stops_within_two_seconds(qtbot, runner, messages):
    got = []
    start = time.monotonic()
    runner.progressed.connect(lambda *_: runner.cancel())
    assert wait(qtbot, runner, lambda: runner.run("Count", busy, got.append)) == "Stopped."
    assert time.monotonic() - start < 2
    assert not got
    assert "Count" in messages()[-1]


def test_what_cannot_be_interrupted_is_let_go(qtbot, runner, monkeypatch):
    release, stopped = threading.Event(), []

    def call(progress):
        progress("start", 0, 1)
        release.wait(20)  # like the import of torch: no progress call
        try:
            progress("end", 1, 1)
        except Cancelled:
            stopped.append(True)
            raise

    got = []
    start = time.monotonic()
    runner.progressed.connect(lambda *_: runner.cancel())
    assert wait(qtbot, runner, lambda: runner.run("x", call, got.append)) == "Stopped."
    assert time.monotonic() - start < 2
    # The next task is not disturbed by the end of the old one.
    result = []
    wait(qtbot, runner, lambda: (runner.run("y", lambda progress: 7, result.append), release.set()))
    qtbot.waitUntil(lambda: bool(stopped))
    assert result == [7]
    assert not got


def test_error_of_the_core_is_a_message_once(qtbot, runner, messages):
    def call(progress):
        raise QualifyError("the file is empty: field.tif")

    got = []
    assert wait(qtbot, runner, lambda: runner.run("x", call, got.append))
    assert messages() == ["the file is empty: field.tif"]
    assert not got


def test_unexpected_error_is_shown_with_its_traceback(qtbot, runner):
    from napari.utils.notifications import ErrorNotification, notification_manager

    def call(progress):
        raise ZeroDivisionError("boom")

    before = len(notification_manager.records)
    wait(qtbot, runner, lambda: runner.run("x", call, print))
    notes = notification_manager.records[before:]
    assert len(notes) == 1
    assert isinstance(notes[0], ErrorNotification)
    assert isinstance(notes[0].exception, ZeroDivisionError)


def test_one_task_at_a_time(qtbot, runner):
    def start():
        runner.run("first", lambda progress: time.sleep(0.1), print)
        with pytest.raises(RuntimeError, match="first"):
            runner.run("second", lambda progress: None, print)

    wait(qtbot, runner, start)


def test_task_stops_when_its_widget_goes(qtbot):
    ended = threading.Event()

    def call(progress):
        try:
            busy(progress)
        finally:
            ended.set()

    parent = QObject()
    runner = Runner(parent)
    runner.run("x", call, print)
    qtbot.wait(100)
    parent.deleteLater()
    qtbot.waitUntil(ended.is_set, timeout=2000)


def test_napari_stops_a_task_with_quit(qtbot, runner, monkeypatch):
    made = []
    original = workers.create_worker
    monkeypatch.setattr(
        workers, "create_worker", lambda *a, **k: made.append(original(*a, **k)) or made[-1]
    )

    def start():
        runner.run("x", busy, print)
        made[0].quit()

    begin = time.monotonic()
    wait(qtbot, runner, start)
    assert time.monotonic() - begin < 2


def test_a_task_lets_go_of_what_it_worked_on(qtbot, runner):
    import gc
    import weakref

    class Big:
        pass

    big = Big()
    ref = weakref.ref(big)

    def start(big=big):
        runner.run("x", lambda progress, b=big: None, print)

    wait(qtbot, runner, start)
    del big, start
    gc.collect()
    assert ref() is None
