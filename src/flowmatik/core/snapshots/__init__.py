"""Snapshots: the state of a run at one seq, kept so that its next owner need not fold the whole history. A
cache that may be lost, and is not believed when anything that the fold computes with has changed."""
