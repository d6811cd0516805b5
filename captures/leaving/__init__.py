"""Leaving: all of an organization as a file that another Visant takes, and its deletion with a receipt."""
