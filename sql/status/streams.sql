-- The state of every stream that has run, as the newest snapshot has it; why it is not proven, where it is not.
SELECT
    h.*,
    (
        SELECT max_by(p.reason, p.checked_at)
        FROM meta.proofs AS p
        WHERE p.source = h.source AND p.stream = h.stream AND p.checked_at = h.proof_checked_at
    ) AS proof_reason
FROM marts.sync_health AS h
ORDER BY h.source, h.stream;
