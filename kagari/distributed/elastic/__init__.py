"""What programs that `torchrun` starts ask of it."""
