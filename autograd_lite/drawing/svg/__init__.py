"""Where everything in a picture stands, and how it is written."""
