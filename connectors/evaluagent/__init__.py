"""evaluagent: quality evaluations, and the people, groups, roles and conversations around them."""
