"""Simulations, emulators and fakes that ship with the product."""
