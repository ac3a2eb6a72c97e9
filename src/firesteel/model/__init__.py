"""Pure data and rules: no I/O, no clocks, no other room of Firesteel but ``errors``."""
