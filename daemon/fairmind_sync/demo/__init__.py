"""`fairmind-sync demo`: the whole way, with an outage, on this machine alone."""
