"""pye2 serializer for the PyE2 / Naeural wire dialect."""
