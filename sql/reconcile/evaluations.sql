-- The warehouse's figures of a window [from, to), to be compared with what the source says of the same window.
-- Bound: source, tenant, from, to. Satisfied is 4 and 5 here whatever `reporting` says: that is the source's rule.
SELECT
    count(*) AS total,
    count(*) FILTER (WHERE rating = 1) AS rating_1,
    count(*) FILTER (WHERE rating = 2) AS rating_2,
    count(*) FILTER (WHERE rating = 3) AS rating_3,
    count(*) FILTER (WHERE rating = 4) AS rating_4,
    count(*) FILTER (WHERE rating = 5) AS rating_5,
    count(*) FILTER (WHERE has_comment) AS with_comments,
    sum(rating) / nullif(count(*), 0) AS average_rating,
    100.0 * count(*) FILTER (WHERE rating >= 4) / nullif(count(*), 0) AS satisfaction_rate
FROM core.evaluations
WHERE source = $source
  AND tenant = $tenant
  AND _deleted_at IS NULL
  AND created_at >= $from
  AND created_at < $to;
