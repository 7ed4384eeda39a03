"""Bridges to the outside: model providers now; channels and CRMs are plugins of the same shape."""
