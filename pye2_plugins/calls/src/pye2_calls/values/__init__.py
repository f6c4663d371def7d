"""Any Python value to bytes and back, without pickle."""
