"""What tests, demos and authors of plugins need: a tenant that never was, with labels."""
