"""The doors for those who hold a link and have no account: pages, pictures, JSON."""
