-- JSON of BENCH_BYTES with an API key; BENCH_LANES spreads it over so many ordering keys, and with
-- BENCH_HOT every second call has the first of them.
local lanes = tonumber(os.getenv("BENCH_LANES") or "0")
local hot = os.getenv("BENCH_HOT") == "1"
local filler = string.rep("x", tonumber(os.getenv("BENCH_BYTES") or "1024") - 124)
local counter = 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["x-api-key"] = "bench-key-0123456789abcdef"

local function body(lane)
  return string.format(
    '{"customer_no": %d, "order_no": "A-1000", "description": "%s"}', lane, filler)
end

wrk.body = body(1)

if lanes > 0 then
  request = function()
    counter = counter + 1
    local lane = counter % lanes
    if hot and counter % 2 == 0 then lane = 0 end
    return wrk.format(nil, nil, nil, body(lane))
  end
end

-- Rate, percentiles (microseconds) and answers that were no 2xx, as one line of JSON.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "bad": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
