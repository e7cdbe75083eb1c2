/* SPDX-License-Identifier: MIT
 *
 * pg.i - the PostgreSQL client in Python and Lua.
 *
 * pg.connect(conninfo, timeout) is awaited (in Lua just called) and gives a Connection, whose methods keep the promises of
 * pg.h. Parameters, conninfo and the timeout may be left out.
 */
%module pg

%include "ropewalk.i"

%{
#include "pg.h"
%}

%ropewalk_object(pg_connection, pg_connection_type)
%rename(Connection) pg_connection;
%rename(connect) pg_connect;

struct pg_connection {
    %extend {
        struct rw_future *query(const char *sql, struct rw_value params = rw_nil())
        {
            return pg_query($self, sql, params);
        }
        struct rw_stream *rows(const char *sql, struct rw_value params = rw_nil())
        {
            return pg_rows($self, sql, params);
        }
        struct rw_future *listen(const char *channel)
        {
            return pg_listen($self, channel);
        }
        void close(void)
        {
            pg_close($self);
        }
    }
};

struct rw_future *pg_connect(struct rw_loop *loop, const char *conninfo = "", int64_t deadline_ns = RW_NEVER);
