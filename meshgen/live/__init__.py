"""Real Envoys on loopback: started with emitted configuration, in front of stub applications, and stopped again."""
