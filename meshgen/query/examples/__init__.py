"""An example request for each predicate of a place, and an example caller for each principal: what questions are asked with."""
