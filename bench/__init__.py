"""Speed: what the product does beside what could be written by hand. `python -m bench`, or `make bench`."""
