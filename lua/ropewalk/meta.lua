---@meta ropewalk
-- SPDX-License-Identifier: MIT
--
-- What an editor's language server needs to know of ropewalk. Functions marked @async suspend the running task.

---@class ropewalk.Error
---@field message string
---@field code string one of rw_err_code: "timeout", "closed", "cancelled", "script" ...
---@field traceback string?
---@field type string? the exception's class, when it came from Python
---@field errno integer?
---@field origin "c"|"lua"|"python"
---@field others ropewalk.Error[] failures of siblings, later than this one

---@class ropewalk.ErrorRow
---@field number integer the enum rw_err of C
---@field name string its name there
---@field python string the exception class
---@field text string

---@class ropewalk.Option
---@field default integer
---@field least integer
---@field most integer
---@field unit string
---@field text string

---@class ropewalk.Awaitable
local Awaitable = {}
---Waits for the outcome: its values, or the error it failed with, raised.
---@async
---@return any ...
function Awaitable:await() end
---A lazy future of fn(value).
---@param fn fun(...): any
---@return ropewalk.Future
function Awaitable:map(fn) end
---Goes on with the future that fn(value) returns.
---@param fn fun(...): any
---@return ropewalk.Future
function Awaitable:and_then(fn) end
---Goes on with fn(error) after a failure.
---@param fn fun(problem: any): any
---@return ropewalk.Future
function Awaitable:or_else(fn) end

---A future that is awaited once.
---@class ropewalk.Future: ropewalk.Awaitable
local Future = {}
---The same as await.
---@async
---@return any ...
function Future:receive() end

---A future completed by hand, awaited any number of times.
---@class ropewalk.Promise: ropewalk.Awaitable
local Promise = {}
---@param ... any
function Promise:resolve(...) end
---@param problem any
function Promise:reject(problem) end
---Gives up completing it: who waits gets the error code "broken".
function Promise:abandon() end
---@return boolean
function Promise:is_done() end

---@class ropewalk.AbortHandle
local AbortHandle = {}
---@return true? ok
---@return string? message
---@return string? code
function AbortHandle:cancel() end

---@class ropewalk.Task: ropewalk.Awaitable
local Task = {}
---Requests its end: from now on each of its awaits raises the cancel error.
---@param reason string?
function Task:cancel(reason) end
---@return boolean was_cancelled
function Task:uncancel() end
---Lets go of it; it runs on.
function Task:detach() end
---@return ropewalk.AbortHandle
function Task:abort_handle() end
---@return integer
function Task:id() end
---@return string
function Task:name() end
---@param name string
function Task:set_name(name) end
---@return boolean
function Task:is_done() end
---@return boolean
function Task:is_cancelled() end

---@class ropewalk.Scope
local Scope = {}
---Spawns a child; a table of options ({name = ...}) may come before the function.
---@param fn fun(...): any
---@param ... any
---@return ropewalk.Task
function Scope:spawn(fn, ...) end
---Calls fn(...) when the scope has ended, however it ended; last deferred, first called.
---@param fn function
---@param ... any
function Scope:defer(fn, ...) end
---@param reason string?
function Scope:cancel(reason) end
---@param seconds number? nil: no deadline
function Scope:set_timeout(seconds) end
---@return boolean
function Scope:is_cancelled() end
---@return integer children
function Scope:count() end

---@class ropewalk.Sender
local Sender = {}
---Waits for room; nil, "closed", "closed" when nobody can receive it.
---@async
---@param value any
---@return true? ok
---@return string? message
---@return string? code
function Sender:send(value) end
---@param value any
---@return true? ok
---@return string? message
---@return string? code "full" or "closed"
function Sender:try_send(value) end
---Waits for room and keeps it.
---@async
---@return ropewalk.Permit? permit
---@return string? message
---@return string? code
function Sender:reserve() end
---@return ropewalk.Sender
function Sender:clone() end
function Sender:close() end
---@return boolean
function Sender:is_closed() end
---@return integer
function Sender:count() end
---@return number capacity math.huge when unbounded
function Sender:capacity() end
---@return ropewalk.Sink
function Sender:sink() end

---@class ropewalk.Receiver
local Receiver = {}
---The next value; nil, "closed", "closed" when there will be none.
---@async
---@return any value
---@return string? message
---@return string? code
function Receiver:receive() end
---The next value, rw.null for a nil; nil at the end.
---@async
---@return any
function Receiver:next() end
---for value in rx:iter() do (not in Lua 5.1, which cannot suspend there)
---@return fun(rx: ropewalk.Receiver): any
---@return ropewalk.Receiver
function Receiver:iter() end
---@return any value
---@return string? message
---@return string? code "empty" or "closed"
function Receiver:try_receive() end
---@return ropewalk.Receiver
function Receiver:clone() end
function Receiver:close() end
---@return boolean
function Receiver:is_closed() end
---@return integer
function Receiver:count() end
---@return ropewalk.Stream
function Receiver:stream() end

---@class ropewalk.Permit
local Permit = {}
---@param value any
---@return true? ok
---@return string? message
---@return string? code
function Permit:send(value) end
function Permit:release() end

---@class ropewalk.OneshotSender
local OneshotSender = {}
---@param value any
---@return true? ok
---@return string? message
---@return string? code
function OneshotSender:send(value) end
---@return boolean
function OneshotSender:is_closed() end
function OneshotSender:close() end

---@class ropewalk.Stream
local Stream = {}
---The next item, rw.null for a nil; nil at the end.
---@async
---@return any
function Stream:next() end
---@return fun(stream: ropewalk.Stream): any
---@return ropewalk.Stream
function Stream:iter() end
function Stream:close() end
---@param fn fun(item: any): any
---@return ropewalk.Stream
function Stream:map(fn) end
---@param fn fun(item: any): boolean
---@return ropewalk.Stream
function Stream:filter(fn) end
---@param count integer
---@return ropewalk.Stream
function Stream:take(count) end
---@param size integer
---@return ropewalk.Stream
function Stream:chunks(size) end
---@param limit integer how many run at a time
---@param fn fun(item: any): any
---@return ropewalk.Stream
function Stream:buffered(limit, fn) end
---@param ... ropewalk.Stream
---@return ropewalk.Stream
function Stream:merge(...) end

---@class ropewalk.Sink
local Sink = {}
---@async
---@param item any
---@return true? ok
---@return string? message
---@return string? code
function Sink:send(item) end
---@async
function Sink:flush() end
---@async
function Sink:close() end

---@class ropewalk.Socket
local Socket = {}
---Without a format whatever is there; n: exactly n bytes; "l": a line without its end; "L": with it; "a": all.
---@async
---@param format? integer|"l"|"L"|"a"
---@return string? data
---@return string? message "closed" at the end of the stream
---@return string? code
function Socket:read(format) end
---@async
---@param max integer?
---@return string? data
---@return string? message
---@return string? code
function Socket:read_some(max) end
---Up to and including the delimiter.
---@async
---@param delimiter string
---@param max integer?
---@return string? data
---@return string? message
---@return string? code
function Socket:read_until(delimiter, max) end
---@async
---@return string?
function Socket:next_line() end
---@return fun(socket: ropewalk.Socket): string?
---@return ropewalk.Socket
function Socket:lines() end
---@async
---@param ... string
---@return true? ok
---@return string? message
---@return string? code
function Socket:write(...) end
---@async
function Socket:flush() end
---Ends the sending side.
---@async
function Socket:shutdown() end
function Socket:close() end
---Closes at once; a reset on TCP.
function Socket:abort() end
---@return boolean
function Socket:is_closed() end
---@return integer
function Socket:unsent() end
---@return integer
function Socket:fd() end
---@return string?
function Socket:peer() end
---@return string?
function Socket:address() end
---@return ropewalk.Stream
function Socket:stream() end
---@param max integer?
---@return ropewalk.Stream
function Socket:line_stream(max) end
---@return ropewalk.Sink
function Socket:sink() end

---@class ropewalk.Listener
local Listener = {}
---@async
---@return ropewalk.Socket? socket
---@return string? message
---@return string? code
function Listener:accept() end
---@async
---@return ropewalk.Socket?
function Listener:next() end
---@return fun(listener: ropewalk.Listener): ropewalk.Socket?
---@return ropewalk.Listener
function Listener:iter() end
---@return integer
function Listener:port() end
---@return string?
function Listener:address() end
function Listener:close() end

---@class ropewalk.Semaphore
local Semaphore = {}
---@async
---@param count integer?
function Semaphore:acquire(count) end
---@param count integer?
---@return boolean
function Semaphore:try_acquire(count) end
---@param count integer?
function Semaphore:release(count) end
---@return integer
function Semaphore:available() end
function Semaphore:close() end

---@class ropewalk.Notify
local Notify = {}
---@async
function Notify:wait() end
function Notify:notify_one() end
---@return integer woken
function Notify:notify_all() end

---@class ropewalk.Mutex
local Mutex = {}
---@async
function Mutex:lock() end
---@return boolean
function Mutex:try_lock() end
function Mutex:unlock() end
---@return boolean
function Mutex:is_locked() end

---@class ropewalk.RWLock
local RWLock = {}
---@async
---@param fn fun(...): any
---@return any ...
function RWLock:read(fn, ...) end
---@async
---@param fn fun(...): any
---@return any ...
function RWLock:write(fn, ...) end

---@class ropewalk.Condition
local Condition = {}
---@async
---@param mutex ropewalk.Mutex
function Condition:wait(mutex) end
function Condition:notify_one() end
---@return integer woken
function Condition:notify_all() end

---@class ropewalk.Barrier
local Barrier = {}
---@async
---@return boolean last
function Barrier:wait() end

---@class ropewalk.Once
local Once = {}
---@async
---@param fn fun(...): any
---@return any
function Once:get(fn, ...) end

---@class ropewalk.JoinSet
local JoinSet = {}
---@param fn fun(...): any
---@param ... any
---@return ropewalk.Task
function JoinSet:spawn(fn, ...) end
---@return integer
function JoinSet:count() end
---The next task that has ended; nil when none is left.
---@async
---@return ropewalk.Task?
function JoinSet:next() end
---@return fun(set: ropewalk.JoinSet): ropewalk.Task?
---@return ropewalk.JoinSet
function JoinSet:iter() end
function JoinSet:close() end

---@class ropewalk.Broadcast
local Broadcast = {}
---@param value any
---@return integer receivers
function Broadcast:send(value) end
function Broadcast:close() end
---@return ropewalk.BroadcastReceiver
function Broadcast:subscribe() end

---@class ropewalk.BroadcastReceiver
local BroadcastReceiver = {}
---@async
---@return any value
---@return string? message
---@return string? code "lagged" or "closed"
function BroadcastReceiver:receive() end
---@return integer
function BroadcastReceiver:missed() end
function BroadcastReceiver:close() end

---@class ropewalk.Watch
local Watch = {}
---@param value any
function Watch:send(value) end
function Watch:close() end
---@return ropewalk.WatchReceiver
function Watch:subscribe() end

---@class ropewalk.WatchReceiver
local WatchReceiver = {}
---@return any
function WatchReceiver:value() end
---@async
---@return any value
---@return string? message
---@return string? code
function WatchReceiver:changed() end
function WatchReceiver:close() end

---@class ropewalk.Pool
local Pool = {}
---@async
---@param fn function|string
---@param ... any
---@return any ...
function Pool:spawn_blocking(fn, ...) end

---@class ropewalk.Loop
local Loop = {}
---A descriptor that is readable when a turn would do something.
---@return integer
function Loop:fd() end
---@return number? seconds until the next turn is due; nil: nothing is
function Loop:deadline() end
---@param wait boolean? sleep until there is something to do
---@param budget number? seconds
---@return integer run
function Loop:turn(wait, budget) end
---@return boolean
function Loop:is_idle() end
---@return boolean
function Loop:is_running() end

---@class ropewalk.Handle
local Handle = {}
function Handle:wake() end
---@param fn fun(...): any
---@return ropewalk.Task
function Handle:spawn(fn, ...) end
function Handle:close() end

---@class ropewalk
---@field VERSION string
---@field null any stands for nil in lists and maps
---@field ctx table inherited by spawned tasks
---@field CANCELLED ropewalk.Error
local rw = {}

---Runs fn(...) to its end, then ends every task that is left; its results, or its error raised with a traceback.
---@param fn fun(...): any
---@return any ...
function rw.run(fn, ...) end
---The state's loop. Options (rw.options() lists them) go to the first call, before anything else makes the loop.
---@param options table<string, integer>?
---@return ropewalk.Loop
function rw.loop(options) end
---@return ropewalk.Handle
function rw.handle() end
---A table of options ({name = ...}) may come before the function.
---@param fn fun(...): any
---@param ... any
---@return ropewalk.Task
function rw.spawn(fn, ...) end
---@return ropewalk.Task?
function rw.current() end
---@async
---@param awaitable any
---@return any ...
function rw.await(awaitable) end
---@return boolean
function rw.is_awaitable(value) end
---pcall that can be awaited across on every version.
---@async
---@return boolean ok
---@return any ...
function rw.pcall(fn, ...) end
---fn(scope, ...)'s results once all children have ended; the first error is raised, later ones are in its `others`.
---@async
---@overload fun(options: {name: string?, timeout: number?, shield: boolean?, supervisor: boolean?}, fn: function, ...): any
---@param fn fun(scope: ropewalk.Scope, ...): any
---@return any ...
function rw.scope(fn, ...) end
---fn(...)'s results, or nil, "timeout", "timeout".
---@async
---@param seconds number
---@param fn fun(...): any
---@return any ...
function rw.timeout(seconds, fn, ...) end
---@async
---@param fn fun(...): any
---@param seconds number?
---@return any ...
function rw.shield(fn, seconds, ...) end
---@async
---@param seconds number
function rw.sleep(seconds) end
---@async
function rw.yield_now() end
---@return number seconds
function rw.now() end
---@param seconds number
---@return ropewalk.Stream
function rw.interval(seconds) end
---@return ropewalk.Promise
function rw.future() end
---@async
---@param ... any tasks, futures, functions
---@return any ...
function rw.join(...) end
---@async
---@param ... any tasks, futures, functions
---@return integer index
---@return any ...
function rw.first(...) end
---Cases: {rx, "receive"}, {tx, "send", v}, {future}, {timeout = s}, {default = true}; options last: {biased = true}.
---@async
---@param ... table
---@return integer index
---@return any ...
function rw.select(...) end
---@return ropewalk.JoinSet
function rw.join_set() end
---@param capacity integer? 0: rendezvous; nil: unbounded
---@param options {shared: boolean}?
---@return ropewalk.Sender
---@return ropewalk.Receiver
function rw.channel(capacity, options) end
---@return ropewalk.OneshotSender
---@return ropewalk.Future
function rw.oneshot() end
---@param capacity integer
---@return ropewalk.Broadcast
function rw.broadcast(capacity) end
---@param value any
---@return ropewalk.Watch
function rw.watch(value) end
---@param permits integer?
---@return ropewalk.Semaphore
function rw.semaphore(permits) end
---@return ropewalk.Notify
function rw.notify() end
---@return ropewalk.Mutex
function rw.mutex() end
---@return ropewalk.RWLock
function rw.rwlock() end
---@return ropewalk.Condition
function rw.condition() end
---@param size integer
---@return ropewalk.Barrier
function rw.barrier(size) end
---@return ropewalk.Once
function rw.once() end
---@param source function|table|ropewalk.Receiver
---@return ropewalk.Stream
function rw.stream(source) end
---@param ... ropewalk.Stream
---@return ropewalk.Stream
function rw.merge(...) end
---@param target ropewalk.Sender|ropewalk.Socket
---@return ropewalk.Sink
function rw.sink(target) end
---@async
---@param stream ropewalk.Stream
---@param sink ropewalk.Sink
---@return integer? moved
function rw.forward(stream, sink) end
---Runs a function without upvalues, or "module.function", in a state of its own on another thread.
---@async
---@param fn function|string
---@param ... any
---@return any ...
function rw.spawn_blocking(fn, ...) end
---@param name string
---@param threads integer? as the loop's option blocking_threads
---@param queue integer? as blocking_queue
---@return ropewalk.Pool
function rw.pool(name, threads, queue) end
---@param message string
---@param code string?
---@return ropewalk.Error
function rw.error(message, code) end
---@return boolean
function rw.is_error(value) end
---@return boolean
function rw.is_cancelled(value) end
---@param items table?
---@return table
function rw.list(items) end
---@param items table?
---@return table
function rw.map(items) end
---@param data string
function rw.bytes(data) end
---@param data string
function rw.text(data) end
---The loop's counters as they are now; rw.counters() says what each counts.
---@return table<string, integer>
function rw.stats() end
---@return table<string, string>
function rw.counters() end
---What rw.loop takes, by name.
---@return table<string, ropewalk.Option>
function rw.options() end
---The table of errors, by code.
---@return table<string, ropewalk.ErrorRow>
function rw.errors() end
---@return table[]
function rw.tasks() end
---@return string
function rw.dump() end

rw.tcp = {}
---@async
---@param host string
---@param port integer
---@return ropewalk.Socket? socket
---@return string? message
---@return string? code
function rw.tcp.connect(host, port) end
---@param host string "" and "*": all addresses
---@param port integer 0: any
---@param options {backlog: integer?, reuse_port: boolean?, ipv6_only: boolean?}?
---@return ropewalk.Listener? listener
---@return string? message
---@return string? code
function rw.tcp.listen(host, port, options) end

rw.unix = {}
---@async
---@param path string
---@return ropewalk.Socket? socket
---@return string? message
---@return string? code
function rw.unix.connect(path) end
---@param path string
---@param options {backlog: integer?, mode: integer?}?
---@return ropewalk.Listener? listener
---@return string? message
---@return string? code
function rw.unix.listen(path, options) end
---@return ropewalk.Socket a
---@return ropewalk.Socket b
function rw.unix.pair() end

rw.dns = {}
---@async
---@param host string
---@param port integer?
---@return {family: "inet"|"inet6", address: string, port: integer}[]? addresses
---@return string? message
---@return string? code
function rw.dns.resolve(host, port) end

return rw
