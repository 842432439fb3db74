-- $1 visitor, $2 from, $3 at, $4 the longest visit. Who met a contact after the contact had met the visitor.
WITH own AS MATERIALIZED (
  SELECT space, greatest(began, $2) AS began, least(ended, $3) AS ended
  FROM visit WHERE visitor = $1 AND began < $3 AND began > $2 - $4 AND ended > $2
), contact AS MATERIALIZED (
  SELECT other.visitor, min(greatest(other.began, own.began)) AS met
  FROM own JOIN visit AS other ON other.space = own.space
    AND other.began < own.ended AND other.began > own.began - $4 AND other.ended > own.began
  WHERE other.visitor <> $1
  GROUP BY other.visitor
), relay AS MATERIALIZED (
  SELECT visit.space, int8range(greatest(visit.began, contact.met), least(visit.ended, $3)) AS span
  FROM contact JOIN visit ON visit.visitor = contact.visitor
    AND visit.began < $3 AND visit.began > contact.met - $4 AND visit.ended > contact.met
), spread AS MATERIALIZED (
  -- Together where they were together, so that a crowd is looked through once.
  SELECT space, lower(span) AS began, upper(span) AS ended
  FROM (SELECT space, unnest(range_agg(span)) AS span FROM relay GROUP BY space) AS merged
)
SELECT DISTINCT other.visitor
FROM spread JOIN visit AS other ON other.space = spread.space
  AND other.began < spread.ended AND other.began > spread.began - $4 AND other.ended > spread.began
WHERE other.visitor <> $1
EXCEPT SELECT visitor FROM contact
