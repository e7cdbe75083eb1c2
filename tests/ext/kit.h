/* SPDX-License-Identifier: MIT
 *
 * kit.h - a module that uses every part of the kit once, well and badly, for the tests of both languages.
 */
#ifndef KIT_H
#define KIT_H

#include <ropewalk.h>

/* Futures: ready at once; ready a turn later; after a time; with four arguments of different kinds; failing. */
struct rw_future *kit_ready(struct rw_loop *loop, int64_t value);
struct rw_future *kit_tick(struct rw_loop *loop, int64_t value);
struct rw_future *kit_later(struct rw_loop *loop, struct rw_value value, int64_t deadline_ns);
struct rw_future *kit_add(struct rw_loop *loop, int64_t a, double b, const char *c, bool d);
struct rw_future *kit_fail(struct rw_loop *loop, int code, const char *message);
struct rw_future *kit_hand_on(struct rw_future *future);

/* Values and numbers. */
struct rw_value kit_echo(struct rw_value value);
struct rw_value kit_same(struct rw_value opaque);
struct rw_value kit_describe(const struct rw_value *value);
struct rw_value kit_failure(int code, const char *message);
int64_t kit_int64(int64_t x);
uint64_t kit_uint64(uint64_t x);
int8_t kit_int8(int8_t x);
unsigned short kit_unsigned_short(unsigned short x);
double kit_double(double x);
bool kit_negate(bool x);
int64_t kit_plus(int64_t a, int64_t b, int64_t c, int64_t d);
int64_t kit_timeout(int64_t timeout_ns);
int64_t kit_remaining(struct rw_loop *loop, int64_t deadline_ns);

/* Bytes, text, errors. */
uint64_t kit_sum_bytes(const void *data, size_t size);
size_t kit_text_size(const char *text, size_t size);
struct rw_bytes *kit_bytes(size_t count);
enum rw_err kit_check(int code);

/* Channels, streams, callbacks. */
struct rw_future *kit_receive(struct rw_loop *loop, struct rw_receiver *receiver);
struct rw_future *kit_send(struct rw_loop *loop, struct rw_sender *sender, struct rw_value value);
struct rw_receiver *kit_filled_channel(struct rw_loop *loop, int count);
struct rw_stream *kit_count_to(struct rw_loop *loop, int count);
struct rw_future *kit_next(struct rw_stream *stream);
struct rw_future *kit_call(struct rw_callback *callback, struct rw_value argument);
enum rw_err kit_post_from_thread(struct rw_callback *callback, struct rw_value argument);

/* Completions from a thread; and what goes wrong. */
struct rw_future *kit_from_thread(struct rw_loop *loop, int64_t value);
struct rw_future *kit_when_process_ends(struct rw_loop *loop);
struct rw_future *kit_given_up(struct rw_loop *loop);
struct rw_future *kit_twice(struct rw_loop *loop);
struct rw_future *kit_never(struct rw_loop *loop);
struct rw_future *kit_null(void);
struct rw_future *kit_wrong_kind(struct rw_loop *loop);
void kit_forget(struct rw_loop *loop);

/* What ends the process: the second only in checked builds. */
void kit_no_loop(void);
void kit_resolve_there(struct rw_loop *loop);
struct rw_future *kit_poll_twice(struct rw_loop *loop);

/* An object of its own. */
struct kit_counter;
extern const struct rw_object_type kit_counter_type;
struct rw_future *kit_new_counter(struct rw_loop *loop, int64_t start);
struct kit_counter *kit_counter_now(struct rw_loop *loop, int64_t start);
int64_t kit_counter_add(struct kit_counter *counter, int64_t amount);
struct rw_future *kit_counter_wait(struct kit_counter *counter, int64_t amount);
int kit_live_counters(void);

#endif
