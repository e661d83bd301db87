"""The formats, on the wire and on disk."""
