from meshgen import Canary

canary = Canary("next", service="catalog", from_="v1", to="v1", weight=120)
mesh = [canary]
