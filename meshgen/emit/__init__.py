"""Emitters: one package a backend; they never import each other."""
