"""What makes the load: wrk for single requests, and walkers for whole flows and for load at a set rate."""
