"""What all tests share."""

import signal

from selfplay import device

# As the commands do: one thread. Threads of one small batch wait for one another, which on a busy machine takes longer
# than the work.
device.tune_process()

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)
