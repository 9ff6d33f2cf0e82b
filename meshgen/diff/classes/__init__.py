"""The classes of requests that two configurations tell apart: an exact algebra over the predicates that stand in them.

Every predicate looks at one field of a request. The values of a field fall into atoms, which no predicate divides; a rule is a
union of boxes over atoms, and where two lists of rules can differ is a box without others, for which `region` finds a request.
"""
