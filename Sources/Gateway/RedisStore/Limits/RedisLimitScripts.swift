/// The scripts that count limits. `AdmissionModel` in GatewayCore says the same in Swift, and a test holds them against each other.
///
/// A rate's value is its theoretical arrival time: microseconds since 1970 followed by three digits of nanoseconds. A key outlives its
/// use by a minute, so that a clock that jumps does not empty it.
package enum RedisLimitScripts {
    package static let all = [admit, settle, renew]

    /// KEYS: rates, then caps. ARGV: now or 0, count of rates, holder, lease in ms; for each rate interval in ns, burst, permits; each cap's limit.
    /// Answers 1 or 0, then each rate's nanoseconds ahead and each cap's leases.
    package static let admit = RedisScript(
        now + ahead + store + """
            local rates = tonumber(ARGV[2])
            local lease = tonumber(ARGV[4])
            local admitted = 1
            local aheads, maxima, counts = {}, {}, {}
            for i = 1, rates do
              local a = 2 + i * 3
              local interval, burst = tonumber(ARGV[a]), tonumber(ARGV[a + 1])
              aheads[i] = ahead(KEYS[i], 2 * burst * interval)
              if aheads[i] > (burst - tonumber(ARGV[a + 2])) * interval then admitted = 0 end
            end
            for i = rates + 1, #KEYS do
              redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
              counts[i] = redis.call('ZCARD', KEYS[i])
              if counts[i] >= tonumber(ARGV[4 + rates * 2 + i]) then admitted = 0 end
            end
            local answer = {admitted}
            for i = 1, rates do
              local a = 2 + i * 3
              if admitted == 1 then
                aheads[i] = aheads[i] + tonumber(ARGV[a]) * tonumber(ARGV[a + 2])
                store(KEYS[i], aheads[i])
              end
              answer[i + 1] = aheads[i]
            end
            for i = rates + 1, #KEYS do
              if admitted == 1 then
                redis.call('ZADD', KEYS[i], now + lease * 1000, ARGV[3])
                redis.call('PEXPIRE', KEYS[i], lease + 60000)
                counts[i] = redis.call('ZCARD', KEYS[i])
              end
              answer[i + 1] = counts[i]
            end
            return answer
            """, sha1: "daec8b7f8b9ef3f0b7a0622e825b5b84bb0c0a61")

    /// KEYS: rates, then leases, then perhaps the stream of records. ARGV: now or 0, count of rates, holder, count of leases; for each rate interval in
    /// ns, burst, permits to take or give back; then perhaps the record. Answers how long the stream is, or 0 without one.
    package static let settle = RedisScript(
        now + ahead + store + """
            local rates, leases = tonumber(ARGV[2]), tonumber(ARGV[4])
            for i = 1, rates do
              local a = 2 + i * 3
              local interval = tonumber(ARGV[a])
              local most = 2 * tonumber(ARGV[a + 1]) * interval
              local settled = ahead(KEYS[i], most) + tonumber(ARGV[a + 2]) * interval
              store(KEYS[i], math.max(0, math.min(settled, most)))
            end
            for i = rates + 1, rates + leases do redis.call('ZREM', KEYS[i], ARGV[3]) end
            local stream = KEYS[rates + leases + 1]
            if not stream then return 0 end
            redis.call('XADD', stream, '*', 'r', ARGV[5 + rates * 3])
            return redis.call('XLEN', stream)
            """, sha1: "8d9650275149b1fdc0b83d3250fc75c9168dbc31")

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
}
