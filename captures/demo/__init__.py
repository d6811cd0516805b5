"""A demo organization with a month behind it: people, cameras, pictures, verdicts, labels."""
