"""Stream processors beside each other: the same work, on the same broker, by the same harness."""
