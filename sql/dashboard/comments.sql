-- Comments, newest first. Bound: since, until (moments), source, department, agent, rating, search (null: all),
-- most_comments, skip. `search` is looked for as it stands, in any letter case.
SELECT
    source,
    created_at,
    rating,
    comment,
    agent_name AS agent,
    department_name AS department,
    evaluation_id
FROM core.evaluations
WHERE _deleted_at IS NULL
  AND has_comment
  AND comment IS NOT NULL
  AND created_at >= $since
  AND created_at < $until
  AND ($source IS NULL OR source = $source)
  AND ($department IS NULL OR named(department_name) = $department)
  AND ($agent IS NULL OR named(agent_name) = $agent)
  AND ($rating IS NULL OR rating = $rating)
  AND ($search IS NULL OR contains(lower(comment), lower($search)))
ORDER BY created_at DESC, evaluation_id
LIMIT $most_comments OFFSET $skip;
