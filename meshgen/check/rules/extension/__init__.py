"""Rules about extensions: their modules and programs."""
