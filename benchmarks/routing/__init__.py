"""How well the router tells tasks apart, and how long it takes among many agents."""
