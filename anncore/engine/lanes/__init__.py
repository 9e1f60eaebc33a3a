"""Whole training steps as machine code, with a trial in each lane of the processor's vectors."""
