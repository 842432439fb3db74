-- Who was exposed, from ZSETs alone: what scripts/bench peers asks of plain Redis.
--
--   s:<space>:<day>   score: when a visit of that day began   member: visitor (8 bytes), when it ended (6 bytes)
--   v:<visitor>       score: when the visit began             member: when it ended (6 bytes), space
--
-- ARGV: visitor, from, at, order (1: contacts; 2: their contacts that are none), midnight of the first day, longest visit.
-- Whoever overlaps an interval began before its end, and not earlier than the longest visit before its beginning.

local visitor, from, at, order = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local begin, longest = tonumber(ARGV[5]), tonumber(ARGV[6])
local call, sub, format, unpack, tonumber = redis.call, string.sub, string.format, struct.unpack, tonumber
local max, min, floor = math.max, math.min, math.floor
local DAY = 86400000

-- Where someone was between two times: {space, start, end}, clipped to them.
local function whereabouts(who, since)
  local found = call('ZRANGEBYSCORE', 'v:' .. who, format('(%.0f', since - longest), format('(%.0f', at), 'WITHSCORES')
  local places = {}
  for i = 1, #found, 2 do
    local start, stop = max(tonumber(found[i + 1]), since), min(unpack('>I6', found[i]), at)
    if start < stop then places[#places + 1] = { sub(found[i], 7), start, stop } end
  end
  return places
end

-- The days on which a visit began that reaches into an interval.
local function days(start, stop)
  return max(0, floor((start - longest - begin) / DAY)), floor((stop - 1 - begin) / DAY)
end

-- Adds who was in a space between two times and is not in `known` to both, with `mark`.
local function present(place, start, stop, known, list, mark)
  local low, high = format('(%.0f', start - longest), format('(%.0f', stop)
  local first, last = days(start, stop)
  for day = first, last do
    for _, entry in ipairs(call('ZRANGEBYSCORE', 's:' .. place .. ':' .. day, low, high)) do
      if unpack('>I6', entry, 9) > start then
        local who = sub(entry, 1, 8)
        if not known[who] then known[who], list[#list + 1] = mark, who end
      end
    end
  end
end

-- The same, with when they were first there.
local function present_since(place, start, stop, known, list)
  local low, high = format('(%.0f', start - longest), format('(%.0f', stop)
  local first, last = days(start, stop)
  for day = first, last do
    local found = call('ZRANGEBYSCORE', 's:' .. place .. ':' .. day, low, high, 'WITHSCORES')
    for i = 1, #found, 2 do
      if unpack('>I6', found[i], 9) > start then
        local who, when = sub(found[i], 1, 8), tonumber(found[i + 1])
        if when < start then when = start end
        local before = known[who]
        if not before then
          known[who], list[#list + 1] = when, who
        elseif when < before then
          known[who] = when
        end
      end
    end
  end
end

local met, contacts = { [visitor] = 0 }, {}
for _, place in ipairs(whereabouts(visitor, from)) do
  if order == '1' then
    present(place[1], place[2], place[3], met, contacts, true)
  else
    present_since(place[1], place[2], place[3], met, contacts)
  end
end
if order == '1' then return contacts end

-- Where and when there was somebody who had met the visitor, by space; together where they were together, so that a
-- crowd is looked through once.
local spread = {}
for _, who in ipairs(contacts) do
  for _, place in ipairs(whereabouts(who, met[who])) do
    local pieces = spread[place[1]]
    if not pieces then pieces = {}; spread[place[1]] = pieces end
    pieces[#pieces + 1] = place
  end
end
local further = {}
for place, pieces in pairs(spread) do
  table.sort(pieces, function(a, b) return a[2] < b[2] end)
  local start, stop = pieces[1][2], pieces[1][3]
  for i = 2, #pieces do
    if pieces[i][2] > stop then
      present(place, start, stop, met, further, 0)
      start, stop = pieces[i][2], pieces[i][3]
    else
      stop = max(stop, pieces[i][3])
    end
  end
  present(place, start, stop, met, further, 0)
end
return further
