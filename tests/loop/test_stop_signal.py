"""The stop signal in this process: requests, what they cut short, and what they leave as it was."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import pytest
import trainers

from selfplay.loop.stop_signal import Stopped, StopSignal


@pytest.fixture(autouse=True)
def handlers_are_left_as_they_were() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.set_wakeup_fd(-1) == -1
    assert trainers.wait_until(lambda: all(thread.name != "stop signal" for thread in threading.enumerate()), 5)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)], ids=["int", "term", "hup"]
)
def test_the_first_signal_is_a_request_and_the_second_an_interrupt(
    number: signal.Signals, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with StopSignal() as stop:
        assert not stop.asked()
        os.kill(os.getpid(), number)
        assert stop.asked() and stop.exit_code == code
        said: list[str] = []
        assert trainers.wait_until(lambda: bool(said.append(capfd.readouterr().err) or any(said)), 5)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert "".join(said).count("Stopping: saving first") == 1


def test_a_request_cuts_short_what_may_be_cut_and_nothing_else() -> None:
    with StopSignal() as stop:
        reached = []
        with pytest.raises(Stopped), stop.cuts():
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("after the signal")
        with pytest.raises(Stopped), stop.cuts():
            reached.append("in a block entered later")
        assert reached == []
    with StopSignal() as stop:
        with stop.cuts():
            pass
        os.kill(os.getpid(), signal.SIGTERM)  # raises nothing
        assert stop.asked()


def test_a_hangup_that_was_ignored_stays_ignored_and_an_ignored_interrupt_does_not() -> None:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        with StopSignal() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.asked()
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.asked()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_in_another_thread_nothing_is_asked_and_no_handler_is_set() -> None:
    seen = []

    def enter() -> None:
        with contextlib.suppress(ValueError), StopSignal() as stop:
            seen.append((signal.getsignal(signal.SIGTERM), stop.asked()))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [(before, False)]
