catalog = None
