"""Entry point of the Python boot. Kept tiny: a script is compiled at every start, a module is not."""

if __name__ == "__main__":
    import os
    import sys

    sys.path[0] = os.path.dirname(os.path.abspath(__file__))
    import ebb_boot

    ebb_boot.main()
