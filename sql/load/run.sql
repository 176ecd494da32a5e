-- A run as readers see it. Bound: every column.
INSERT INTO meta.runs (run_id, outcome, started_at, finished_at)
VALUES ($run_id, $outcome, $started_at, $finished_at);
