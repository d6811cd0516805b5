"""A fleet of cameras in one process, with bad lines, bad clocks and wrong keys: ``visant-camera simulate``."""
