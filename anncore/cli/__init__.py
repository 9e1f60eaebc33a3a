"""The command line: parse, call, print.

One small module per verb. Each is imported when it is needed, and imports what is heavy only when it runs, so
that `annx --help` answers at once.
"""

from __future__ import annotations


def main() -> None:
    """Run `annx`; ends the process with its exit code."""
    import gc

    from anncore.contract.oversight import OVERSIGHT
    from anncore.engine.process import limit_blas_threads

    # Python looks for cycles after every 700 new objects; loading four hundred plugins and drawing make
    # millions that stay, and the looking was a tenth of a report.
    gc.set_threshold(100_000, 20, 10)
    limit_blas_threads()  # before anything imports NumPy
    OVERSIGHT.enabled = True
    from anncore.cli.group import cli

    cli()
