"""The other body: a disk and a clock with faults, for tests."""
