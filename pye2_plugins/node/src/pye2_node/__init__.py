"""The pye2 edge node: runs plugin instances for those whom its owner allows."""
