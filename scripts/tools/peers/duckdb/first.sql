-- $visitor, $since, $at. {by_visitor} and {by_space}: the tables to look in.
WITH own AS MATERIALIZED (
  SELECT space, greatest(began, $since) AS began, least(ended, $at) AS ended
  FROM {by_visitor} WHERE visitor = $visitor AND began < $at AND ended > $since
)
SELECT DISTINCT other.visitor
FROM own JOIN {by_space} AS other ON other.space = own.space AND other.began < own.ended AND other.ended > own.began
WHERE other.visitor <> $visitor AND other.began < $at AND other.ended > $since
