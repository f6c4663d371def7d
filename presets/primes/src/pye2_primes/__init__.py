"""pye2 whole-job presets that find prime numbers."""
