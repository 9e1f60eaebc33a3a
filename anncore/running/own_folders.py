"""Which run folders this user has made: only their plugin files are run when a folder is opened.

A run folder names the plugin files that its sweep used, and may come from anywhere. What plan.json says is
sealed with a key that lies among the user's caches, so a folder that somebody else made, or that came from
another machine, is told apart. Losing the key loses no result: such a folder is shown by what it keeps.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from anncore.contract.cache_folder import cache_folder
from anncore.running.files import make_secret

SEAL = "seal"
KEY_SIZE = 32  # bytes


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what plan.json shall say with the user's seal; without one where no key can be kept."""
    plain = {name: value for name, value in content.items() if name != SEAL}
    key = _key(make=True)
    return plain if key is None else {**plain, SEAL: _seal(plain, key)}


def is_own(content: Mapping[str, Any]) -> bool:
    """Tell whether what plan.json says was sealed by this user, and has not been changed since."""
    seal, key = content.get(SEAL), _key(make=False)
    if key is None or not isinstance(seal, str):
        return False
    plain = {name: value for name, value in content.items() if name != SEAL}
    return hmac.compare_digest(seal.encode("utf-8", "replace"), _seal(plain, key).encode())


def _seal(plain: Mapping[str, Any], key: bytes) -> str:
    # As plan.json is read again: a tuple has become a list, a key a text.
    text = json.dumps(json.loads(json.dumps(plain)), sort_keys=True, ensure_ascii=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _key(*, make: bool) -> bytes | None:
    """Return the user's key; None where there is none and none can be made."""
    try:
        path = cache_folder() / "run_folders.key"
        if make and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            make_secret(path, secrets.token_bytes(KEY_SIZE))
        key = path.read_bytes() if path.is_file() else b""
    except (OSError, RuntimeError):  # RuntimeError: nobody knows the user's home
        return None
    return key if len(key) == KEY_SIZE else None
