/// The scripts that count limits. `AdmissionModel` in GatewayCore says the same in Swift, and a test holds them against each other.
///
/// A rate's value is its theoretical arrival time: microseconds since 1970 followed by three digits of nanoseconds. A key outlives its
/// use by a minute, so that a clock that jumps does not empty it.
package enum RedisLimitScripts {
    package static let all = [admit, settle, renew, expire, probe]

    /// Finds out whether scripts are run, and does nothing.
    package static let probe = RedisScript("return 1", sha1: "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")

    /// KEYS: rates, then caps; then perhaps which request an idempotency key stands for, the lease of who carries it out, its answer; then perhaps an answer
    /// of the cache, and perhaps the lease of who fetches it; then perhaps the bucket's holds and what is held, and wallets.
    /// ARGV: now or 0, count of rates, holder, lease in ms, count of caps, count of keys of the cache (0 to 2), the request's fingerprint or nothing, for how
    /// many ms it is known; for each rate interval in ns, burst, permits; each cap's limit; then perhaps the bound, the hold's ms, day, month, the record of
    /// its end, and for each wallet the limits of a day, a month and in total, empty where there is none.
    /// Nothing is written before the first thing that takes memory: where memory is full Redis refuses that, and with it the whole question, but only if it is
    /// the script's first write.
    /// Answers 1 or 0, then each rate's nanoseconds ahead, each cap's leases, and, where wallets were asked, which has too little left: three to a wallet;
    /// then, where there is an idempotency key, the answer, or 1 if the holder is to carry the request out, 2 if it is under way, 3 if the key stands for
    /// another one; and, where the cache was asked, the answer, or 1 if the holder has the lease to fetch it, or 0. Who is refused is told no answer.
    package static let admit = RedisScript(
        now + ahead + store + """
            local rates, caps, cache = tonumber(ARGV[2]), tonumber(ARGV[5]), tonumber(ARGV[6])
            local claims = ARGV[7] == '' and 0 or 3
            local lease = tonumber(ARGV[4])
            local admitted = 1
            local aheads, maxima, counts = {}, {}, {}
            for i = 1, rates do
              local a = 6 + i * 3
              local interval, burst = tonumber(ARGV[a]), tonumber(ARGV[a + 1])
              aheads[i] = ahead(KEYS[i], 2 * burst * interval)
              if aheads[i] > (burst - tonumber(ARGV[a + 2])) * interval then admitted = 0 end
            end
            for i = rates + 1, rates + caps do
              counts[i] = redis.call('ZCOUNT', KEYS[i], string.format('(%.0f', now), '+inf')
              if counts[i] >= tonumber(ARGV[8 + rates * 2 + i]) then admitted = 0 end
            end
            local holds, bound = rates + caps + claims + cache + 1, 9 + rates * 3 + caps
            local refused, wallets = 0, {}
            if KEYS[holds] then
              local day, month = 'd' .. ARGV[bound + 2], 'm' .. ARGV[bound + 3]
              for i = holds + 2, #KEYS do
                wallets[#wallets + 1] = KEYS[i]
                local fields = redis.call('HMGET', KEYS[i], day, day .. 'r', month, month .. 'r', 't', 'tr')
                for period = 1, 3 do
                  local limit = tonumber(ARGV[bound + 1 + #wallets * 3 + period])
                  local taken = (tonumber(fields[period * 2 - 1]) or 0) + (tonumber(fields[period * 2]) or 0)
                  if refused == 0 and limit and taken + tonumber(ARGV[bound]) > limit then refused = (#wallets - 1) * 3 + period end
                end
              end
              if refused > 0 then admitted = 0 end
            end
            local answer = {admitted}
            for i = 1, rates do
              local a = 6 + i * 3
              if admitted == 1 then
                aheads[i] = aheads[i] + tonumber(ARGV[a]) * tonumber(ARGV[a + 2])
                store(KEYS[i], aheads[i])
              end
              answer[i + 1] = aheads[i]
            end
            for i = rates + 1, rates + caps do
              if admitted == 1 then redis.call('ZADD', KEYS[i], now + lease * 1000, ARGV[3]) end
              redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
              if admitted == 1 then
                redis.call('PEXPIRE', KEYS[i], lease + 60000)
                counts[i] = redis.call('ZCARD', KEYS[i])
              end
              answer[i + 1] = counts[i]
            end
            if KEYS[holds] then answer[#answer + 1] = refused end
            local function value(key)
              local found = redis.pcall('GET', key)
              return type(found) == 'string' and found
            end
            local function taken(flight)
              redis.call('ZREMRANGEBYSCORE', flight, '-inf', now)
              return redis.call('ZCARD', flight) > 0
            end
            local function take(flight)
              redis.call('ZADD', flight, now + lease * 1000, ARGV[3])
              redis.call('PEXPIRE', flight, lease + 60000)
              return 1
            end
            local asks = admitted == 1
            if claims > 0 then
              local first, found = rates + caps + 1, 0
              if asks then
                local known, runs, kept = value(KEYS[first]), taken(KEYS[first + 1]), value(KEYS[first + 2])
                if known and known ~= ARGV[7] and (runs or kept) then
                  found = 3
                elseif known and kept then
                  found = kept
                elseif runs then
                  found = 2
                else
                  redis.call('SET', KEYS[first], ARGV[7], 'PX', ARGV[8])
                  found = take(KEYS[first + 1])
                end
              end
              asks = found == 1
              answer[#answer + 1] = found
            end
            if cache > 0 then
              local first = rates + caps + claims + 1
              local found = asks and value(KEYS[first]) or 0
              if found == 0 and asks and cache == 2 and not taken(KEYS[first + 1]) then found = take(KEYS[first + 1]) end
              answer[#answer + 1] = found
            end
            if admitted == 0 or not KEYS[holds] then return answer end
            for _, wallet in ipairs(wallets) do
              for _, field in ipairs({'d' .. ARGV[bound + 2], 'm' .. ARGV[bound + 3], 't'}) do
                redis.call('HINCRBY', wallet, field .. 'r', ARGV[bound])
              end
            end
            redis.call('ZADD', KEYS[holds], now + tonumber(ARGV[bound + 1]) * 1000, ARGV[3])
            redis.call('HSET', KEYS[holds + 1], ARGV[3],
              cmsgpack.pack({ARGV[bound], ARGV[bound + 2], ARGV[bound + 3], ARGV[bound + 4], unpack(wallets)}))
            return answer
            """, sha1: "84209852a7432e8d2c8379a8f7b8e59e360907af")

    /// KEYS: rates, then leases; then perhaps the bucket's holds, what is held, what the request was charged late, and wallets; then perhaps the stream of
    /// records. ARGV: now or 0, count of rates, holder, count of leases, count of wallets, how they are charged (`held`, `direct` or `late`), nano-USD, day,
    /// month; for each rate interval in ns, burst, permits to take or give back; then perhaps the record.
    /// Leases are given back first: that takes no memory, and what follows is done where memory is full too.
    /// Answers how long the stream is, or 0 without one. `held` answers -1 less what was charged already, where the hold has ended: then the wallets are left
    /// alone and nothing is appended. Where nothing is held, and nothing was charged, that is noted: a question that Redis gets to see later than its
    /// settlement, on another connection or for want of a script, is not charged when its hold ends.
    package static let settle = RedisScript(
        now + ahead + store + spending + """
            local rates, leases, wallets = tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5])
            for i = rates + 1, rates + leases do redis.call('ZREM', KEYS[i], ARGV[3]) end
            for i = 1, rates do
              local a = 7 + i * 3
              local interval = tonumber(ARGV[a])
              local most = 2 * tonumber(ARGV[a + 1]) * interval
              local settled = ahead(KEYS[i], most) + tonumber(ARGV[a + 2]) * interval
              store(KEYS[i], math.max(0, math.min(settled, most)))
            end
            local holds = rates + leases + 1
            local stream = KEYS[holds]
            if wallets > 0 then
              stream = KEYS[holds + 3 + wallets]
              local goes = true
              if ARGV[6] == 'held' then
                local packed = redis.call('HGET', KEYS[holds + 1], ARGV[3])
                if packed then
                  local hold = cmsgpack.unpack(packed)
                  redis.call('ZREM', KEYS[holds], ARGV[3])
                  redis.call('HDEL', KEYS[holds + 1], ARGV[3])
                  free(hold)
                  for i = 5, #hold do charge(hold[i], hold[2], hold[3], ARGV[7]) end
                else
                  local charged = redis.call('GET', KEYS[holds + 2])
                  if charged and charged ~= 'settled' then return -1 - tonumber(charged) end
                  redis.call('SET', KEYS[holds + 2], 'settled', 'PX', 604800000)
                end
                goes = false
              elseif ARGV[6] == 'late' then
                goes = redis.call('DEL', KEYS[holds + 2]) == 1
              end
              for i = holds + 3, holds + 2 + wallets do
                if goes then charge(KEYS[i], ARGV[8], ARGV[9], ARGV[7]) end
              end
            end
            if not stream then return 0 end
            redis.call('XADD', stream, '*', 'r', ARGV[10 + rates * 3])
            return redis.call('XLEN', stream)
            """, sha1: "f5a12fe18d5de299e0f61cd9a07c42855560fba2")

    /// Charges holds that have ended at their bound, and appends the rows that they brought along; those of requests that were settled before they were held
    /// are freed.
    ///
    /// KEYS: the bucket's holds, what is held, the beginning of the keys of what is charged late, the stream. ARGV: now or 0, how many at most.
    /// Answers how many there were, and how long the stream is.
    package static let expire = RedisScript(
        now + spending + """
            local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, tonumber(ARGV[2]))
            for _, id in ipairs(ended) do
              local packed = redis.call('HGET', KEYS[2], id)
              redis.call('ZREM', KEYS[1], id)
              if packed then
                local hold = cmsgpack.unpack(packed)
                redis.call('HDEL', KEYS[2], id)
                free(hold)
                if redis.call('GET', KEYS[3] .. ':' .. id) ~= 'settled' then
                  for i = 5, #hold do charge(hold[i], hold[2], hold[3], hold[1]) end
                  redis.call('SET', KEYS[3] .. ':' .. id, hold[1], 'PX', 604800000)
                  redis.call('XADD', KEYS[4], '*', 'r', hold[4])
                end
              end
            end
            return {#ended, redis.call('XLEN', KEYS[4])}
            """, sha1: "7d4e01a2abf2861135e17b6ea182c5c8424ba78d")

    /// KEYS: one cap. ARGV: now or 0, lease in ms, holders. Answers 1 for each lease that was there and is renewed, else 0.
    package static let renew = RedisScript(
        now + """
            local lease = tonumber(ARGV[2])
            redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
            local answer = {}
            for i = 3, #ARGV do
              answer[i - 2] = redis.call('ZSCORE', KEYS[1], ARGV[i]) and 1 or 0
              if answer[i - 2] == 1 then redis.call('ZADD', KEYS[1], now + lease * 1000, ARGV[i]) end
            end
            redis.call('PEXPIRE', KEYS[1], lease + 60000)
            return answer
            """, sha1: "fcc313f4fd1fc9c00b74e31ec42db08d310d8005")

    private static let now = """
        local now = tonumber(ARGV[1])
        if now == 0 then
          local time = redis.call('TIME')
          now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        end

        """

    private static let ahead = """
        local function ahead(key, most)
          local arrival = redis.call('GET', key)
          if not arrival then return 0 end
          local difference = (tonumber(string.sub(arrival, 1, -4)) - now) * 1000 + tonumber(string.sub(arrival, -3))
          return math.max(0, math.min(difference, most))
        end

        """

    private static let store = """
        local function store(key, ahead)
          local microseconds = math.floor(ahead / 1000)
          local arrival = string.format('%.0f%03.0f', now + microseconds, ahead - microseconds * 1000)
          redis.call('SET', key, arrival, 'PX', string.format('%.0f', math.floor(ahead / 1000000) + 60001))
        end

        """

    /// What was spent is added to a wallet; the first spending of a day drops what is older than the day and the month before it. What a hold reserved is
    /// freed: it is its bound, its day, its month, the record of its end and its wallets.
    private static let spending = """
        local function charge(wallet, day, month, amount)
          if amount == '0' then return end
          redis.call('HINCRBY', wallet, 't', amount)
          redis.call('HINCRBY', wallet, 'm' .. month, amount)
          if redis.call('HINCRBY', wallet, 'd' .. day, amount) ~= tonumber(amount) then return end
          for _, field in ipairs(redis.call('HKEYS', wallet)) do
            local kind, number = string.match(field, '^([dm])(%d+)')
            if kind and tonumber(number) < (kind == 'd' and day or month) - 1 then redis.call('HDEL', wallet, field) end
          end
        end

        local function free(hold)
          for i = 5, #hold do
            for _, field in ipairs({'d' .. hold[2], 'm' .. hold[3], 't'}) do
              redis.call('HINCRBY', hold[i], field .. 'r', '-' .. hold[1])
            end
          end
        end

        """
}
