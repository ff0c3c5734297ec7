"""``python -m xret``."""

from xret.cli import main

if __name__ == "__main__":
    main()
