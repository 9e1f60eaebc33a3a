"""A page that lives: running sweeps in a browser, as `annx serve` shows them."""
