-- The mapping file as it stands today, in place of what was there; to be run in a transaction.
-- Bound: voki_users, agents (lists of one length).
DELETE FROM meta.agents;
INSERT INTO meta.agents (voki_user, agent) SELECT unnest($voki_users), unnest($agents);
