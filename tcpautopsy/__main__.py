"""`python -m tcpautopsy`."""

from __future__ import annotations

from tcpautopsy.cli import main

if __name__ == "__main__":
    main()
