"""What is in a picture: boxes, edges, labels, and what is folded together."""
