-- SPDX-License-Identifier: MIT
--
-- ropewalk - tasks, channels, streams and sockets on one event loop.
--
-- This table is the C module's, with what needs no C added to it. Nothing here sets a global or replaces a
-- function of Lua's own. What waits suspends the running task; results are values, or nil, message, code
-- when the world failed; misuse and cancellation are raised.

local core = require "ropewalk.core"
local structure = require "ropewalk.structure"
local futures = require "ropewalk.futures"
local sync = require "ropewalk.sync"
local context = require "ropewalk.context"
local surface = require "ropewalk.surface"

local M = {
  VERSION = core.VERSION,
  -- running
  run = core.run,
  loop = core.loop,
  handle = core.handle,
  -- tasks
  spawn = core.spawn,
  current = core.current,
  await = core.await,
  is_awaitable = core.is_awaitable,
  pcall = core.pcall or pcall,
  -- structure
  scope = structure.scope,
  timeout = structure.timeout,
  shield = structure.shield,
  -- time
  sleep = core.sleep,
  yield_now = core.yield_now,
  now = core.now,
  interval = core.interval,
  -- futures
  future = core.future,
  join = core.join,
  first = core.first,
  select = core.select,
  join_set = futures.join_set,
  -- channels
  channel = core.channel,
  oneshot = core.oneshot,
  broadcast = core.broadcast,
  watch = core.watch,
  -- shared state
  semaphore = core.semaphore,
  notify = core.notify,
  mutex = sync.mutex,
  rwlock = sync.rwlock,
  condition = sync.condition,
  barrier = sync.barrier,
  once = sync.once,
  ctx = context,
  -- streams
  stream = core.stream,
  merge = core.merge,
  sink = core.sink,
  forward = core.forward,
  -- blocking work
  spawn_blocking = core.spawn_blocking,
  pool = core.pool,
  -- sockets
  tcp = { connect = core.tcp_connect, listen = core.tcp_listen },
  unix = { connect = core.unix_connect, listen = core.unix_listen, pair = core.socket_pair },
  dns = { resolve = core.dns_resolve },
  -- errors
  error = core.error,
  is_error = core.is_error,
  is_cancelled = core.is_cancelled,
  CANCELLED = core.CANCELLED,
  -- values
  null = core.null,
  list = core.list,
  map = core.map,
  bytes = core.bytes,
  text = core.text,
  -- seeing inside
  stats = surface.stats,
  counters = surface.counters,
  options = surface.options,
  errors = surface.errors,
  tasks = core.tasks,
  dump = core.dump,
}

return M
