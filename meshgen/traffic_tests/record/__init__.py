"""Tests proposed from what a mesh does now: an example for each class of requests that routes and policies tell apart."""
