"""One module per API: its request and response, all versions."""
