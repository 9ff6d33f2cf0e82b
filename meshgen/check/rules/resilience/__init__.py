"""Rules MG06xx: timeouts, retries, load balancing, outliers."""
