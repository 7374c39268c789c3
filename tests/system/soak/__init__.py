"""Thousands of deliveries under kills and disturbed requests, judged by what the servers hold at the end."""
