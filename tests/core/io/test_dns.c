/* SPDX-License-Identifier: MIT
 *
 * test_dns.c - names to addresses, on every backend.
 */
#include "net.h"

static void a_number_is_its_own_address(struct net *net)
{
    struct rw_value out = net_wait(net, rw_dns_resolve(net->loop, "10.1.2.3", 53));
    const struct rw_value *entry;

    CHECK_INT(out.kind, RW_KIND_LIST);
    CHECK_INT(rw_list_count(out.as.list), 1);
    entry = rw_list_at(out.as.list, 0);
    CHECK_INT(entry->kind, RW_KIND_MAP);
    CHECK_TEXT(rw_value_data(rw_map_get(entry->as.map, "family"), NULL), "inet");
    CHECK_TEXT(rw_value_data(rw_map_get(entry->as.map, "address"), NULL), "10.1.2.3");
    CHECK_INT(rw_map_get(entry->as.map, "port")->as.integer, 53);
    rw_value_drop(&out);
}
NET_TEST(a_number_is_its_own_address)

static void localhost_resolves_everywhere(struct net *net)
{
    CHECK_TEXT(net_text(net, rw_dns_resolve(net->loop, "localhost", 80)), "list");
}
NET_TEST(localhost_resolves_everywhere)

static void bad_names_are_refused(struct net *net)
{
    char name[2000];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_TEXT(net_text(net, rw_dns_resolve(net->loop, "", 80)), "invalid");
    CHECK_TEXT(net_text(net, rw_dns_resolve(net->loop, name, 80)), "invalid");
    CHECK_TEXT(net_text(net, rw_dns_resolve(net->loop, "no such name.invalid", 80)), "dns");
}
NET_TEST(bad_names_are_refused)

static void a_simulation_knows_what_it_was_told(void)
{
    struct net net;

    net_open(&net, true);
    CHECK_INT(rw_sim_add_name(net.sim, "db.test", "2001:db8::7"), 0);
    CHECK_TEXT(net_text(&net, rw_dns_resolve(net.loop, "db.test", 80)), "list");
    CHECK_TEXT(net_text(&net, rw_dns_resolve(net.loop, "example.org", 80)), "dns");
    net_close(&net);
}

static void resolve_with_scarce_memory(void)
{
    struct net net;

    net_open(&net, true);
    if (net.loop != NULL) {
        net_code(&net, rw_dns_resolve(net.loop, "localhost", 80));
    }
    if (net.sim != NULL) {
        net_close(&net);
    } else {
        rw_loop_free(net.loop);
    }
}

static void every_failed_allocation_is_survived(void)
{
    test_each_allocation(resolve_with_scarce_memory);
}

static const struct test tests[] = {
    NET_ENTRIES(a_number_is_its_own_address),  NET_ENTRIES(localhost_resolves_everywhere),
    NET_ENTRIES(bad_names_are_refused),        TEST(a_simulation_knows_what_it_was_told),
    TEST(every_failed_allocation_is_survived),
};

TEST_MAIN(tests)
