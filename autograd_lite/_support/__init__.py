"""Files, text, locks: what has nothing to do with derivatives."""
