-- $visitor, $since, $at. {by_visitor} and {by_space}: the tables to look in. Who met a contact after the contact had met
-- the visitor.
WITH own AS MATERIALIZED (
  SELECT space, greatest(began, $since) AS began, least(ended, $at) AS ended
  FROM {by_visitor} WHERE visitor = $visitor AND began < $at AND ended > $since
), contact AS MATERIALIZED (
  SELECT other.visitor, min(greatest(other.began, own.began)) AS met
  FROM own JOIN {by_space} AS other ON other.space = own.space AND other.began < own.ended AND other.ended > own.began
  WHERE other.visitor <> $visitor AND other.began < $at AND other.ended > $since
  GROUP BY other.visitor
), relay AS MATERIALIZED (
  SELECT DISTINCT visit.space, greatest(visit.began, contact.met) AS began, least(visit.ended, $at) AS ended
  FROM contact JOIN {by_visitor} AS visit ON visit.visitor = contact.visitor AND visit.ended > contact.met
  WHERE visit.began < $at AND visit.ended > $since
), marked AS (
  -- Together where they were together, so that a crowd is looked through once: a new stretch begins where nobody was.
  SELECT *, began > max(ended) OVER (
    PARTITION BY space ORDER BY began, ended ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) AS apart
  FROM relay
), numbered AS (
  SELECT *, count(*) FILTER (apart) OVER (PARTITION BY space ORDER BY began, ended ROWS UNBOUNDED PRECEDING) AS stretch
  FROM marked
), spread AS MATERIALIZED (
  SELECT space, min(began) AS began, max(ended) AS ended FROM numbered GROUP BY space, stretch
)
SELECT DISTINCT other.visitor
FROM spread JOIN {by_space} AS other
  ON other.space = spread.space AND other.began < spread.ended AND other.ended > spread.began
WHERE other.visitor <> $visitor AND other.began < $at AND other.ended > $since
  AND other.visitor NOT IN (SELECT visitor FROM contact)
