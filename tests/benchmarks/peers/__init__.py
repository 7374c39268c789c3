"""What others would do in our place, each in a process of its own that takes orders: see `order.py`."""
