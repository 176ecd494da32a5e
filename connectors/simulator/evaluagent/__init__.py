"""A stand-in for evaluagent's API, written from its documentation and its public clients. Imports nothing of ours."""
