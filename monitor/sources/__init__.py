"""Where logs come from: adapters that implement `ports.LogSource`."""
