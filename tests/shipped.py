"""The components that annx ships, loaded once for all tests that only look at them."""

from __future__ import annotations

from anncore.contract.loading import load_registry

REGISTRY = load_registry(environ={"ANNX_PLUGINS": ""})
