"""What a run does about alarms of drift, and what it keeps on disk to be able to."""
