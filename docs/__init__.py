"""Makes conftest.py here another module than that of the tests, for pytest."""
