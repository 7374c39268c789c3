"""`fairmind-sync demo` shows the whole way of results, with an outage, on this machine alone."""
