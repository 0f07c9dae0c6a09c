"""`python -m demo.app`."""

from hub.common.terminal import resilient_output

from .app import main

if __name__ == "__main__":
    with resilient_output():
        main()
