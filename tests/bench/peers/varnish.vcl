# Varnish as it comes: what the agency says may be kept is kept, in memory.
vcl 4.1;
backend agency { .host = "127.0.0.1"; .port = "AGENCY_PORT"; }
