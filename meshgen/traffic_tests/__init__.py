"""TrafficTests: run on the simulator or on a real Envoy, what failed and why, what they do not reach, and new ones proposed."""
