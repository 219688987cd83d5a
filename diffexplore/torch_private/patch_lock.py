"""One lock for what is put in the place of torch's names: held for a moment, never while somebody's code runs."""

from __future__ import annotations

import os
import threading

PATCHES = threading.Lock()

if hasattr(os, "register_at_fork"):  # a child would wait for ever for a thread that it does not have
    os.register_at_fork(before=PATCHES.acquire, after_in_parent=PATCHES.release, after_in_child=PATCHES.release)
