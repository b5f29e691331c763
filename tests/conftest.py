"""What all tests share."""

import signal
from typing import Any

import pytest
from command import Said

from selfplay import device
from selfplay.cli import main

# As the commands do: one thread. Threads of one small batch wait for one another, which on a busy machine takes longer
# than the work.
device.tune_process()

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def selfplay(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command in this process."""

    def call(*arguments: Any) -> Said:
        capsys.readouterr()
        try:
            code = main.main([str(argument) for argument in arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        found = capsys.readouterr()
        return Said(code, found.out, found.err)

    return call
