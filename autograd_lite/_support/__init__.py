"""What several folders need that has nothing to do with derivatives: files, text, locks, the user's line."""
