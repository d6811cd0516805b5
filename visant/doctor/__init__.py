"""What ``manage.py doctor`` looks at: each part of an installation, what is wrong, and how it is mended."""
