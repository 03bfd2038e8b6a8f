-- Redeems the codes of a file, one a request; stops asking when they are used up.
local codes, used = {}, 0
local form = os.getenv("BENCH_FORM")

function init(_)
  for line in io.lines(os.getenv("BENCH_CODES")) do
    codes[#codes + 1] = line
  end
end

function request()
  used = used + 1
  if used > #codes then
    wrk.thread:stop()
    used = #codes
  end
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
  return wrk.format("POST", nil, headers, form .. codes[used])
end
