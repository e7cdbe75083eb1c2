/* SPDX-License-Identifier: MIT
 *
 * pg_connect.c - a connection is made: the name is resolved, then PQconnectPoll is called whenever the socket is ready.
 *
 * libpq resolves names itself, and blocks. So the host that it would use is looked for first, in conninfo and where libpq finds its
 * defaults, and goes to the loop's own resolver; libpq gets the addresses beside the name, which it still needs for TLS. Left out for
 * the same reason: GSSAPI encryption, unless conninfo asks for it, since Kerberos asks its servers in a blocking way.
 *
 * Invariant: there is no watch while PQconnectPoll runs: it may close the socket and open another one of the same number.
 */
#include <stdio.h>
#include <string.h>

#include "pg_internal.h"

enum { HOST_MAX = 253, ADDRESS_MAX = 64, ADDRESSES_MAX = 8 };

/* What has to be known before libpq begins. */
struct plan {
    struct rw_loop *loop;
    struct rw_value conninfo; /* a text */
    char host[HOST_MAX + 1];  /* to be resolved; "": libpq needs no resolver */
};

struct connect_future {
    struct rw_future future;
    struct rw_loop *loop;
    struct pg_connection *connection; /* NULL: given away */
};

/* ---- the plan -------------------------------------------------------------------------------------------------------- */

static const char *find_option(const PQconninfoOption *options, const char *keyword)
{
    while (options != NULL && options->keyword != NULL && strcmp(options->keyword, keyword) != 0) {
        options++;
    }
    return options != NULL && options->val != NULL ? options->val : "";
}

/* Gives nil, or a failure. */
static struct rw_value choose_host(struct plan *plan, const PQconninfoOption *given,
                                   const PQconninfoOption *defaults)
{
    const char *host = find_option(given, "host");
    bool is_numeric = *find_option(given, "hostaddr") != '\0' || *find_option(defaults, "hostaddr") != '\0';

    if (*host == '\0' && *find_option(given, "service") != '\0' && !is_numeric) {
        return rw_failure_format(RW_ERR_UNSUPPORTED,
                                 "a service without a host: libpq would block on its name");
    }
    if (*host == '\0') {
        host = find_option(defaults, "host");
    }
    if (*host == '\0' || *host == '/' || *host == '@' || is_numeric) { /* a Unix socket, or addresses */
        return rw_nil();
    }
    if (strchr(host, ',') != NULL) {
        return rw_failure_format(RW_ERR_UNSUPPORTED,
                                 "several hosts: libpq would block on their names; give hostaddr");
    }
    if (strlen(host) > HOST_MAX) {
        return rw_failure_format(RW_ERR_INVALID, "the name of the host is too long");
    }
    memcpy(plan->host, host, strlen(host) + 1);
    return rw_nil();
}

static struct rw_value make_plan(struct plan *plan, const char *conninfo)
{
    char *why = NULL;
    PQconninfoOption *given = PQconninfoParse(conninfo, &why);
    PQconninfoOption *defaults = PQconndefaults();
    struct rw_value failure = rw_nil();

    plan->conninfo = rw_text_of(conninfo);
    if (given == NULL && why != NULL) {
        failure = pgi_failure(RW_ERR_INVALID, why);
    } else if (given == NULL || defaults == NULL) {
        failure = rw_failure(RW_ERR_NOMEM);
    } else if (rw_is_failure(&plan->conninfo)) {
        failure = rw_value_clone(&plan->conninfo);
    } else {
        failure = choose_host(plan, given, defaults);
    }
    PQconninfoFree(given);
    PQconninfoFree(defaults);
    PQfreemem(why);
    return failure;
}

static void drop_plan(void *arg)
{
    struct plan *plan = arg;

    rw_value_drop(&plan->conninfo);
    rw_loop_release(plan->loop, plan, sizeof *plan);
}

/* ---- the connection -------------------------------------------------------------------------------------------------- */

/* Keeps what the server says on its way out; other notices go nowhere. */
static void take_notice(void *arg, const PGresult *notice)
{
    struct pg_connection *c = arg;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (severity != NULL && strcmp(severity, "FATAL") == 0) {
        rw_value_drop(&c->farewell);
        c->farewell = pgi_server_failure(c, notice);
    }
}

/* libpq wants a name for each address. */
static void start_libpq(struct pg_connection *c, const struct plan *plan, const struct rw_value *addresses)
{
    const char *keywords[] = {"gssencmode", "dbname", "client_encoding", "host", "hostaddr", NULL};
    const char *values[] = {"disable", rw_value_data(&plan->conninfo, NULL), "UTF8", NULL, NULL, NULL};
    char hosts[ADDRESSES_MAX * (HOST_MAX + 1)] = "";
    char numbers[ADDRESSES_MAX * ADDRESS_MAX] = "";
    size_t count = addresses->kind == RW_KIND_LIST ? rw_list_count(addresses->as.list) : 0;

    for (size_t i = 0; i < count && i < ADDRESSES_MAX; i++) {
        const struct rw_value *number = rw_map_get(rw_list_at(addresses->as.list, i)->as.map, "address");
        const char *comma = i > 0 ? "," : "";
        size_t end = strlen(hosts);

        snprintf(hosts + end, sizeof hosts - end, "%s%s", comma, plan->host);
        end = strlen(numbers);
        snprintf(numbers + end, sizeof numbers - end, "%s%s", comma, rw_value_data(number, NULL));
    }
    if (count > 0) {
        values[3] = hosts;
        values[4] = numbers;
    } else {
        keywords[3] = NULL;
    }
    c->libpq = PQconnectStartParams(keywords, values, 1);
}

static void connect_step(struct pg_connection *c)
{
    rw_watch_free(c->watch);
    c->watch = NULL;
    switch (PQconnectPoll(c->libpq)) {
    case PGRES_POLLING_OK:
        PQsetnonblocking(c->libpq, 1);
        pgi_watch(c, 0);
        if (c->state != CLOSED) {
            pgi_begin(c);
        }
        break;
    case PGRES_POLLING_READING:
        pgi_watch(c, RW_READABLE);
        break;
    case PGRES_POLLING_WRITING:
        pgi_watch(c, RW_WRITABLE);
        break;
    default:
        pgi_end(c, pgi_failure(RW_ERR_BROKEN, PQerrorMessage(c->libpq)));
    }
}

static enum rw_poll connect_poll(struct rw_future *self, struct rw_context *cx, struct rw_value *out)
{
    struct connect_future *connect = (struct connect_future *)self;
    struct pg_connection *c = connect->connection;

    c->connector = cx->waker;
    if (c->is_ready) {
        c->is_ready = false;
        connect_step(c);
    }
    if (c->state == CONNECTING) {
        return RW_PENDING;
    }
    if (c->state == CLOSED) {
        *out = rw_value_clone(&c->failure);
    } else {
        *out = rw_value_of_handle(&c->object);
        connect->connection = NULL;
    }
    return RW_READY;
}

static void connect_drop(struct rw_future *self)
{
    struct connect_future *connect = (struct connect_future *)self;

    rw_object_unref(connect->connection != NULL ? &connect->connection->object : NULL);
    rw_loop_release(connect->loop, connect, sizeof *connect);
}

static const struct rw_future_vtable connect_vtable = {"pg.connect", 0, connect_poll, NULL, connect_drop};

/* `addresses` is what the name has resolved to, or nil. */
static struct rw_future *begin(void *arg, struct rw_value addresses)
{
    const struct plan *plan = arg;
    struct pg_connection *c = pgi_new(plan->loop);
    struct connect_future *connect = c != NULL ? rw_loop_alloc(plan->loop, sizeof *connect) : NULL;

    if (connect == NULL) {
        rw_value_drop(&addresses);
        rw_object_unref(c != NULL ? &c->object : NULL);
        return rw_failed(plan->loop, RW_ERR_NOMEM);
    }
    *connect = (struct connect_future){.loop = plan->loop, .connection = c};
    rw_future_init(&connect->future, &connect_vtable);
    start_libpq(c, plan, &addresses);
    rw_value_drop(&addresses);
    if (c->libpq == NULL) {
        pgi_end(c, rw_failure(RW_ERR_NOMEM));
    } else if (PQstatus(c->libpq) == CONNECTION_BAD) {
        pgi_end(c, pgi_failure(RW_ERR_BROKEN, PQerrorMessage(c->libpq)));
    } else {
        PQsetNoticeReceiver(c->libpq, take_notice, c);
        pgi_watch(c, RW_WRITABLE);
    }
    return &connect->future;
}

struct rw_future *pg_connect(struct rw_loop *loop, const char *conninfo, int64_t deadline_ns)
{
    struct plan *plan = rw_loop_alloc(loop, sizeof *plan);
    struct rw_future *resolved;
    struct rw_value failure;

    if (plan == NULL) {
        return rw_failed(loop, RW_ERR_NOMEM);
    }
    *plan = (struct plan){.loop = loop};
    failure = make_plan(plan, conninfo);
    if (rw_is_failure(&failure) || plan->host[0] == '\0') {
        resolved = pgi_ready(loop, failure);
    } else {
        resolved = rw_dns_resolve(loop, plan->host, 0);
    }
    return rw_timeout(loop, rw_and_then(loop, resolved, begin, drop_plan, plan), deadline_ns);
}
