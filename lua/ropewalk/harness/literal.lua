-- SPDX-License-Identifier: MIT
--
-- ropewalk.harness.literal - values as they are written in cases and traces.
--
-- One value has one spelling in a trace: floats show that they are floats where this Lua can tell, in
-- the fewest digits that
-- read back; the entries of a map are sorted by their spelling. Nil inside a list or map is rw.null.

local rw = require "ropewalk"

local M = {}

local DEPTH = 50
local ESCAPES = { n = "\n", t = "\t", ['"'] = '"', ["\\"] = "\\" }
local CONSTANTS = {
  ["true"] = true,
  ["false"] = false,
  inf = math.huge,
  ["-inf"] = -math.huge,
  nan = 0 / 0,
}

local function refuse(message, ...)
  error({ literal = message:format(...) }, 0)
end

-- Well-formed UTF-8, as the core means it.
local function is_text(data)
  local at = 1
  while true do
    at = data:match("^[%z\1-\127]*()", at)
    if at > #data then
      return true
    end
    local a, b = data:byte(at, at + 1)
    local length = a >= 0xC2 and a <= 0xDF and 2 or a >= 0xE0 and a <= 0xEF and 3
    length = length or a >= 0xF0 and a <= 0xF4 and 4
    local low = a == 0xE0 and 0xA0 or a == 0xF0 and 0x90 or 0x80
    local high = a == 0xED and 0x9F or a == 0xF4 and 0x8F or 0xBF
    if not length or not b or b < low or b > high then
      return false
    end
    for i = at + 2, at + length - 1 do
      local c = data:byte(i)
      if not c or c < 0x80 or c > 0xBF then
        return false
      end
    end
    at = at + length
  end
end

-- ---- reading ------------------------------------------------------------------------------------

local function read_quoted(text, at, is_bytes)
  local out = {}
  at = at + 1
  while true do
    local plain, stop = text:match('^([^"\\]*)()', at)
    out[#out + 1] = plain
    local mark = text:sub(stop, stop)
    if mark == "" then
      refuse("a quoted text without its end")
    elseif mark == '"' then
      local data = table.concat(out)
      if not is_bytes and not is_text(data) then
        refuse("not valid UTF-8")
      end
      return is_bytes and { bytes = data } or data, stop + 1
    end
    local escape = text:sub(stop + 1, stop + 1)
    local hex = text:match("^x([0-9a-f][0-9a-f])", stop + 1)
    if hex then
      out[#out + 1] = string.char(tonumber(hex, 16))
      at = stop + 4
    elseif ESCAPES[escape] then
      out[#out + 1] = ESCAPES[escape]
      at = stop + 2
    else
      refuse("an unknown escape in a quoted text")
    end
  end
end

-- By its digits, since not every Lua has all 64 bits.
local function read_integer(word)
  local sign, digits = word:match("^(%-?)0*(%d+)$")
  local most = sign == "-" and "9223372036854775808" or "9223372036854775807"
  if #digits > #most or (#digits == #most and digits > most) then
    refuse('"%s" is not a number', word:sub(1, 40))
  elseif sign == "-" and digits == most and math.mininteger then
    return math.mininteger
  end
  local number = tonumber(word)
  return math.tointeger and math.tointeger(number) or number
end

local function read_word(text, at)
  local word, stop = text:match('^([^ \t,%]}:"%[{]*)()', at)
  if word == "nil" then
    return nil, stop
  elseif CONSTANTS[word] ~= nil then
    return CONSTANTS[word], stop
  elseif word:find("^%-?%d+$") then
    local number = read_integer(word)
    return number, stop
  elseif word:find("^%-?%d+[%d.e+-]*$") and tonumber(word) then
    local number = tonumber(word)
    return number, stop
  end
  refuse('"%s" is not a value', word:sub(1, 40))
end

local read

local function skip(text, at)
  return text:match("^[ \t]*()", at)
end

local function read_list(text, at, depth)
  local items = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == "]" then
    return rw.list(items), at + 1
  end
  while true do
    local item
    item, at = read(text, at, depth + 1)
    if item == nil then
      item = rw.null
    end
    items[#items + 1] = item
    at = skip(text, at)
    local mark = text:sub(at, at)
    if mark == "]" then
      return rw.list(items), at + 1
    elseif mark ~= "," then
      refuse("a list without its end")
    end
    at = at + 1
  end
end

local function read_map(text, at, depth)
  local entries = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == "}" then
    return rw.map(entries), at + 1
  end
  while true do
    local key, item
    key, at = read(text, at, depth + 1)
    at = skip(text, at)
    if text:sub(at, at) ~= ":" then
      refuse("a map entry is written key: value")
    elseif key == nil or key ~= key then
      refuse("not a key and a value that a map can hold")
    end
    item, at = read(text, at + 1, depth + 1)
    if item == nil then
      item = rw.null
    end
    entries[key] = item
    at = skip(text, at)
    local mark = text:sub(at, at)
    if mark == "}" then
      return rw.map(entries), at + 1
    elseif mark ~= "," then
      refuse("a map without its end")
    end
    at = at + 1
  end
end

function read(text, at, depth)
  if depth > DEPTH then
    refuse("a value nested too deep")
  end
  at = skip(text, at)
  local mark = text:sub(at, at)
  if mark == "" then
    refuse("a value is missing")
  elseif mark == '"' then
    return read_quoted(text, at, false)
  elseif mark == "b" and text:sub(at + 1, at + 1) == '"' then
    local wrapped, stop = read_quoted(text, at + 1, true)
    return rw.bytes(wrapped.bytes), stop
  elseif mark == "[" then
    return read_list(text, at, depth)
  elseif mark == "{" then
    return read_map(text, at, depth)
  end
  return read_word(text, at)
end

-- Reads one literal of `text` from position `at`: the value and the position behind it, or nil, nil and
-- what is wrong.
function M.parse(text, at)
  local ok, value, stop = pcall(read, text, at, 0)
  if ok then
    return value, stop
  elseif type(value) == "table" and value.literal then
    return nil, nil, value.literal
  end
  error(value, 0)
end

-- ---- writing ------------------------------------------------------------------------------------

local function format_string(data)
  local is_bytes = not is_text(data)
  local text = data:gsub("[%c\"\\\127-\255]", function(c)
    local byte = c:byte()
    if c == '"' or c == "\\" then
      return "\\" .. c
    elseif c == "\n" then
      return "\\n"
    elseif c == "\t" then
      return "\\t"
    elseif byte < 0x20 or byte == 0x7F or is_bytes then
      return ("\\x%02x"):format(byte)
    end
    return c
  end)
  text = text:gsub("%z", "\\x00")
  return (is_bytes and 'b"' or '"') .. text .. '"'
end

local function format_number(number)
  if math.type and math.type(number) == "integer" then
    return ("%d"):format(number)
  elseif number ~= number then
    return "nan"
  elseif number == math.huge or number == -math.huge then
    return number > 0 and "inf" or "-inf"
  elseif not math.type and number == math.floor(number) and math.abs(number) < 2 ^ 53 then
    return ("%.0f"):format(number)
  end
  local text
  for precision = 15, 17 do
    text = ("%." .. precision .. "g"):format(number)
    if tonumber(text) == number then
      break
    end
  end
  return text:find("[.e]") and text or text .. ".0"
end

local function kind_of(value)
  local mark = getmetatable(value)
  if type(mark) == "table" then
    return mark["ropewalk.kind"] or mark["ropewalk.string"]
  end
  return value[1] ~= nil and "list" or "map"
end

local function format_table(value)
  local kind = kind_of(value)
  if kind == "bytes" or kind == "text" then
    return format_string(value[1])
  end
  local parts = {}
  if kind == "list" then
    for i, item in ipairs(value) do
      parts[i] = M.format(item)
    end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  for key, item in pairs(value) do
    parts[#parts + 1] = M.format(key) .. ": " .. M.format(item)
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ", ") .. "}"
end

-- The text of a value, as traces show it.
function M.format(value)
  local kind = type(value)
  if value == nil or value == rw.null then
    return "nil"
  elseif kind == "boolean" then
    return tostring(value)
  elseif kind == "number" then
    return format_number(value)
  elseif kind == "string" then
    return format_string(value)
  elseif kind == "table" then
    return format_table(value)
  end
  return "<handle>"
end

return M
