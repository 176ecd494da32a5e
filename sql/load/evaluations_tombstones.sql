-- Rows that are gone stay, with the moment at which that was noticed. Bound: source, tenant, now, run_id.
-- Reads `gone`.
UPDATE core.evaluations AS old
SET _deleted_at = $now, _loaded_at = $now, _run_id = $run_id
WHERE old.source = $source
  AND old.tenant = $tenant
  AND old.evaluation_id IN (SELECT gone.key FROM gone);
