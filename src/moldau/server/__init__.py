"""The body: sockets, files, fsync threads, the process."""
