"""What a step costs by how much is stored, resuming long runs, recovery, and wide fans."""
