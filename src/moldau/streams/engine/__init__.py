"""What runs: tasks, each one partition of a stage, without I/O and without a clock of its own."""
