-- One POST over and over: 1 row of 64 numbers (~0.3 kB), or 1 MB where BENCH_WORK is binary. Prints one line of figures.
wrk.method = "POST"
if os.getenv("BENCH_WORK") == "binary" then
  wrk.body = string.rep("0123456789abcdef", 65536)
  wrk.headers["Content-Type"] = "application/octet-stream"
else
  wrk.body = '{"data": [[' .. string.rep("0.5, ", 63) .. "0.5]]}"
  wrk.headers["Content-Type"] = "application/json"
end
if os.getenv("BENCH_KEY") then wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY") end
done = function(summary, latency)
  local bad = summary.errors
  io.write(string.format("FIGURES %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), bad.connect + bad.read + bad.write + bad.status + bad.timeout))
end
