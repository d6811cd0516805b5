"""Moving in: the archive of an earlier Visant, with nothing lost and nothing doubled.

A source is read (``folder``, ``records``), its cameras and definitions are matched or made (``cameras``,
``definitions``), its captures are written in batches (``writing``), and in the end all of it is accounted for
(``outcomes``) and read again from where it is now (``checking``).
"""
