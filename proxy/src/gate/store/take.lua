-- Takes a token from the bucket KEYS[1], of which one comes back each ARGV[1] microseconds, and all of them within
-- ARGV[2]. Answers in how many microseconds there will be one; where there was one, how long the bucket takes to fill, as
-- a negative number. As in memory, only the time is kept at which the
-- bucket will be full again: a key that has run out is a bucket that is full.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, whole = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = tonumber(redis.call('GET', KEYS[1]) or now) or now
-- Empty at most: a reload may have brought a bucket that fills sooner.
full_at = math.min(math.max(full_at, now), now + whole) + each
if full_at - now > whole then
    return math.ceil(full_at - now - whole)
end
redis.call('SET', KEYS[1], string.format('%.2f', full_at), 'PX', string.format('%.0f', math.ceil((full_at - now) / 1000)))
return -math.floor(full_at - now)
