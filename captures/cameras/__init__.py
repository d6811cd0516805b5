"""The cameras with what they saw and how they are."""
