"""Where rows go: the warehouse that is written and the lake that is read."""
