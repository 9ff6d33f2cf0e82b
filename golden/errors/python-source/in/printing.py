print("made by hand")
mesh = ["catalog"]
