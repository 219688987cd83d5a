"""``python -m diffexplore``."""

from diffexplore.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
