import signal
from contextlib import suppress

import pytest

from napari_qualify.commands.console import progress_bars
from napari_qualify.commands.stopping import stoppable
from napari_qualify.errors import Cancelled


def test_an_interrupt_is_met_at_the_next_step_and_a_second_one_at_once():
    calls = []
    before = signal.getsignal(signal.SIGINT)
    with stoppable(lambda *call: calls.append(call)) as progress:
        progress("training", 1, 9)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Cancelled):
            progress("training", 2, 9)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert calls == [("training", 1, 9)]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_stops_at_once_and_one_that_was_lost_at_the_next_step():
    before = signal.getsignal(signal.SIGINT)
    with progress_bars() as progress, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(Cancelled), progress_bars() as progress:
        progress("reading", 1, 9)
        with suppress(KeyboardInterrupt):  # as a finaliser loses it
            signal.raise_signal(signal.SIGINT)
        progress("reading", 2, 9)
    assert signal.getsignal(signal.SIGINT) is before
