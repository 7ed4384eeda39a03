"""What the tables of the catalogue say, and how references to it are written."""
