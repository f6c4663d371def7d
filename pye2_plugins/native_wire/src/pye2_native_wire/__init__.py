"""pye2 serializer for its own wire dialect."""
