/// The scripts that keep answers. A bucket's answers have a byte cap of their own: their server may be one that must not evict anything.
package enum RedisCacheScripts {
    package static let all = [store, purge, readTail, publish]

    /// KEYS: the answer, the sizes of the bucket's answers by key (the empty name: their sum), the keys by when they end in ms. ARGV: now in ms or 0, the
    /// value, its time to live in ms, the cap in bytes. Those that end first make room; 64 at most, or the value is not kept. The first write takes memory,
    /// so that a server which is full refuses the whole. Answers 1, or 0 if it is not kept.
    package static let store = RedisScript(
        """
        local now = tonumber(ARGV[1])
        if now == 0 then
          local time = redis.call('TIME')
          now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        end
        local cap, life = tonumber(ARGV[4]), tonumber(ARGV[3])
        local size = #ARGV[2] + 2 * #KEYS[1] + 200
        if size > cap then return 0 end
        local function drop(key)
          redis.call('DEL', key)
          redis.call('ZREM', KEYS[3], key)
          local held = redis.call('HGET', KEYS[2], key)
          if held then
            redis.call('HDEL', KEYS[2], key)
            redis.call('HINCRBY', KEYS[2], '', '-' .. held)
          end
        end
        redis.call('ZADD', KEYS[3], now + life, KEYS[1])
        drop(KEYS[1])
        for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 64)) do drop(key) end
        for _ = 1, 64 do
          if (tonumber(redis.call('HGET', KEYS[2], '')) or 0) + size <= cap then break end
          local first = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
          if not first then break end
          drop(first)
        end
        if (tonumber(redis.call('HGET', KEYS[2], '')) or 0) + size > cap then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        redis.call('HSET', KEYS[2], KEYS[1], size)
        redis.call('HINCRBY', KEYS[2], '', size)
        redis.call('ZADD', KEYS[3], now + life, KEYS[1])
        for i = 2, 3 do
          if redis.call('PTTL', KEYS[i]) < life + 60000 then redis.call('PEXPIRE', KEYS[i], life + 60000) end
        end
        return 1
        """, sha1: "0776af84abba5dd00efa424ccb207e3d8e15626b")

    /// KEYS: the lease of who fetches a stream, the mark of who watches, the stream's pieces, the whole answer. ARGV: now in µs or 0, how many pieces are known,
    /// the asker, the lease in ms, how long the mark lasts in ms. Answers `{0, holder, pieces}` while somebody fetches it; and if nobody does, to who knows
    /// none yet `{1, answer}`, or `{2}`: the asker has the lease; to all others `{3, '', pieces}`. At most 256 pieces at once.
    package static let readTail = RedisScript(
        """
        local now = tonumber(ARGV[1])
        if now == 0 then
          local time = redis.call('TIME')
          now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        end
        local known = tonumber(ARGV[2])
        if known == 0 then
          local answer = redis.pcall('GET', KEYS[4])
          if type(answer) == 'string' then return {1, answer} end
        end
        redis.call('SET', KEYS[2], 1, 'PX', ARGV[5])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
        local holder = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
        if not holder and known == 0 then
          redis.call('ZADD', KEYS[1], now + tonumber(ARGV[4]) * 1000, ARGV[3])
          redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[4]) + 60000)
          return {2}
        end
        local answer = {holder and 0 or 3, holder or ''}
        for _, piece in ipairs(redis.call('LRANGE', KEYS[3], known, known + 255)) do answer[#answer + 1] = piece end
        return answer
        """, sha1: "ea3aa53084dae561fd835706398aecd727c2ad4a")

    /// KEYS: a stream's pieces. ARGV: which one this is, the piece, for how many ms they are kept. The first one takes those of an earlier stream away.
    /// Answers 0 if the ones before are gone: then nothing is kept.
    package static let publish = RedisScript(
        """
        if ARGV[1] == '0' then redis.call('DEL', KEYS[1]) end
        if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
        redis.call('RPUSH', KEYS[1], ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        return 1
        """, sha1: "a6bb5f0dd683a3628992cf82f00fff41cb70dba2")

    /// KEYS: the sizes, the keys by their end. ARGV: cursor, the pattern of the answers' keys. Deletes what is met on the way. Answers the next cursor, `0`
    /// at the end, and how many were deleted.
    package static let purge = RedisScript(
        """
        local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'MATCH', ARGV[2], 'COUNT', 500)
        local count = 0
        for i = 1, #page[2], 2 do
          local key = page[2][i]
          redis.call('DEL', key)
          redis.call('ZREM', KEYS[2], key)
          redis.call('HDEL', KEYS[1], key)
          redis.call('HINCRBY', KEYS[1], '', '-' .. page[2][i + 1])
          count = count + 1
        end
        return {page[1], count}
        """, sha1: "949352a6107f19cea1d82e2d804440d1980f9df9")
}
