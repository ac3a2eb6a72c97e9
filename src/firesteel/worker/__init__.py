"""The process that runs data processing, steps and workflows; owns no state."""
