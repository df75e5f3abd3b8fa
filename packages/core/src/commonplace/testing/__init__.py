"""What tests of agents can use: faults of disks and files."""
