"""What every bus promises, whether its subscribers are in one process or in many."""
