-- $1 visitor, $2 from, $3 at, $4 the longest visit: whoever overlaps began not earlier than that before.
WITH own AS MATERIALIZED (
  SELECT space, greatest(began, $2) AS began, least(ended, $3) AS ended
  FROM visit WHERE visitor = $1 AND began < $3 AND began > $2 - $4 AND ended > $2
)
SELECT DISTINCT other.visitor
FROM own JOIN visit AS other ON other.space = own.space
  AND other.began < own.ended AND other.began > own.began - $4 AND other.ended > own.began
WHERE other.visitor <> $1
