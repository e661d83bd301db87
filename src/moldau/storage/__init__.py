"""The log over a small Disk port."""
