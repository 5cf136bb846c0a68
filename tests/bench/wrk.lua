-- Renders the requests of tests/bench/requests.py, from the environment, and prints the load as JSON.

local head, body = os.getenv("BENCH_HEAD"), os.getenv("BENCH_BODY")
local users, accounts_per_user = 1000, tonumber(os.getenv("BENCH_ACCOUNTS_PER_USER"))
local threads, user, number = 0, 1, 0

function setup(thread)
    threads = threads + 1
    thread:set("run", os.getenv("BENCH_RUN") .. threads)
    thread:set("seed", tonumber(os.getenv("BENCH_SEED")) + threads)
end

function init()
    math.randomseed(seed)
end

local function account(owner, index)
    return (owner - 2) % users + 1 + users * index
end

local draws = {
    own = function() return account(user, math.random(0, accounts_per_user - 1)) end,
    other = function()
        return account(1 + (user - 1 + math.random(1, users - 1)) % users, math.random(0, accounts_per_user - 1))
    end,
    first = function() return account(user, 0) end,
    key = function()
        number = number + 1
        return run .. "-" .. number
    end,
    token = function()
        local name = "u" .. user
        return string.rep("0", 43 - #name) .. name
    end,
    post = function() return math.random(1, 2000) end,
    product = function() return math.random(1, 100) end,
}

local function render(template)
    return (template:gsub("%$(%a+)", function(name) return draws[name]() end))
end

function request()
    user = math.random(1, users)
    local content = render(body)
    return render(head) .. "Content-Length: " .. #content .. "\r\n\r\n" .. content
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.status + errors.read + errors.write + errors.connect
    ))
end
