"""What takes long to show: a week offline, many writers, thousands of deliveries. Each is a command."""
