"""Pages that show more than one picture: tables, the player, sliders, animations."""
