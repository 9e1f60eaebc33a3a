"""One training step as text, page and JSON: `annx explain`."""
