"""Who leads what: metadata records and the image made of them."""
