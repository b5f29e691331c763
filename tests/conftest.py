"""What all tests share."""

from selfplay import device

# As the commands do: one thread. Threads of one small batch wait for one another, which on a busy machine takes longer
# than the work.
device.tune_process()
