"""What every foreign byte passes before it is a fact: bounded, searched in linear time, masked."""
