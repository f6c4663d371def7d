"""The seven general pye2 presets for distributed jobs: process, finish, aggregate."""
