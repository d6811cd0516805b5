"""What a camera was told, with the pictures that came of it."""
