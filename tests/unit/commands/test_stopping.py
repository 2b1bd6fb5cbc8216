import signal

import pytest

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
