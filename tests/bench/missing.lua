-- Asks for paths below the given address that are not there, each one once, and prints percentiles.
local number = 0
local prefix

function setup(thread) thread:set("seed", os.time()) end

function init(arguments)
  math.randomseed(seed)
  prefix = wrk.path
end

function request()
  number = number + 1
  return wrk.format("GET", string.format("%s%02d/f%06d.%d", prefix, number % 100, math.random(0, 99999), number))
end

function response(status)
  if status ~= 404 then print("unexpected status " .. status); wrk.thread:stop() end
end

function done(summary, latency)
  for _, part in ipairs({50, 95, 99}) do print(string.format("p%d %dus", part, latency:percentile(part))) end
end
